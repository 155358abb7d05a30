"""RSS and Atom feeds over HTTP."""
