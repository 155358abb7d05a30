"""Turns registered dataclasses into JSON and into JSON Schema (draft 2020-12).

A wire shape is a frozen dataclass with `@wire("name/1")`. Its fields are the JSON fields, in order; `schema` comes
first by itself. Field types: str, int, bool, None, StrEnum, Literal, dataclasses, tuple[T, ...], dict[str, T],
unions of these, and `Annotated[T, Rule(...)]`.
"""

import dataclasses
import types
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Shape = TypeVar("Shape", bound=type)
_SHAPES: dict[str, type] = {}
_NAMES: dict[type, str] = {}
_PLAIN = {str: "string", int: "integer", bool: "boolean", type(None): "null"}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a type alone does not say of a field: its meaning, pattern (ECMA 262) and smallest value."""

    text: str = ""
    pattern: str | None = None
    minimum: int | None = None


def wire(name: str) -> Callable[[Shape], Shape]:
    """Register a dataclass as the shape `name/version`."""

    def register(shape: Shape) -> Shape:
        if name in _SHAPES:
            raise ValueError(f"two shapes are named {name}")
        _SHAPES[name] = shape
        _NAMES[shape] = name
        return shape

    return register


def shapes() -> dict[str, type]:
    """Every registered shape by its name, once their modules are imported."""
    return dict(sorted(_SHAPES.items()))


def as_json(value: Any) -> Any:
    """The JSON value of a shape, a part of one or a plain value; registered shapes begin with their `schema`."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        name = _NAMES.get(type(value))
        fields = {f.name: as_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return fields if name is None else {"schema": name} | fields
    if isinstance(value, dict):
        return {key: as_json(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [as_json(part) for part in value]
    return value.value if isinstance(value, StrEnum) else value


def json_schema(shape: type) -> dict[str, Any]:
    """The JSON Schema of a registered shape: every field required, no other field allowed."""
    definitions: dict[str, Any] = {}
    body = _object(shape, definitions)
    name = _NAMES[shape]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": name}
    return head | body | ({"$defs": dict(sorted(definitions.items()))} if definitions else {})


def _object(shape: type, definitions: dict[str, Any]) -> dict[str, Any]:
    hints = get_type_hints(shape, include_extras=True)
    properties = {f.name: _of(hints[f.name], definitions) for f in dataclasses.fields(shape)}
    if shape in _NAMES:
        properties = {"schema": {"const": _NAMES[shape]}} | properties
    return {
        "description": (shape.__doc__ or "").strip().split("\n")[0],
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _of(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of one field's type; raises TypeError where the wire has no such type."""
    origin, arguments = get_origin(hint), get_args(hint)
    result: dict[str, Any]
    if origin is Annotated:
        result = _ruled(_of(arguments[0], definitions), arguments[1])
    elif hint in _PLAIN:
        result = {"type": _PLAIN[hint]}
    elif origin is Literal:
        result = {"enum": list(arguments)}
    elif origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        result = {"type": "array", "items": _of(arguments[0], definitions)}
    elif origin is dict and arguments[0] is str:
        result = {"type": "object", "additionalProperties": _of(arguments[1], definitions)}
    elif origin in (Union, types.UnionType):
        result = {"anyOf": [_of(part, definitions) for part in arguments]}
    elif isinstance(hint, type) and issubclass(hint, StrEnum):
        result = {"enum": [member.value for member in hint]}
    elif dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if hint.__name__ not in definitions:
            definitions[hint.__name__] = {}  # taken first, so that a shape may contain itself
            definitions[hint.__name__] = _object(hint, definitions)
        result = {"$ref": f"#/$defs/{hint.__name__}"}
    else:
        raise TypeError(f"{hint!r} cannot travel on the wire")
    return result


def _ruled(schema: dict[str, Any], rule: Rule) -> dict[str, Any]:
    said = {"description": rule.text, "pattern": rule.pattern, "minimum": rule.minimum}
    return schema | {key: value for key, value in said.items() if value not in (None, "")}
