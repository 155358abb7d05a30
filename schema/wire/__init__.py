"""The JSON that scripts and strangers rely on: dataclasses, and the JSON Schemas generated from them."""
