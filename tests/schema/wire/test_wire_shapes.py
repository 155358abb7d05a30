"""JSON and JSON Schema come from the same dataclasses and stay equal to the files that are checked in."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

import jsonschema
import pytest

from schema.wire import generate
from schema.wire.shape import Rule, as_json, json_schema, shapes, wire


class Colour(StrEnum):
    """A vocabulary."""

    RED = "red"


@dataclass(frozen=True)
class Part:
    """A part."""

    name: Annotated[str, Rule("its name", pattern="^[a-z]+$")]
    parts: "tuple[Part, ...]" = ()


@wire("test-whole/1")
@dataclass(frozen=True)
class Whole:
    """A whole.

    More words.
    """

    count: Annotated[int, Rule(minimum=0)]
    colour: Colour
    kind: Literal["a", "b"]
    part: Part | None
    by_name: dict[str, int]
    yes: bool


WHOLE = Whole(1, Colour.RED, "a", Part("x", (Part("y"),)), {"n": 1}, True)


def test_checked_in_schemas_are_current() -> None:
    """The files beside the dataclasses are exactly what the generator writes."""
    expected = {name: text for name, text in generate.expected().items() if not name.startswith("test-")}
    found = {path.name: path.read_text(encoding="utf-8") for path in generate.FOLDER.glob("*.schema.json")}

    assert found == expected
    assert {
        "manifest-1.schema.json",
        "manifest-signature-1.schema.json",
        "production-record-1.schema.json",
    } <= found.keys()


def test_schemas_are_valid() -> None:
    """Every generated schema is itself a valid JSON Schema, and every object in it is closed."""
    for shape in shapes().values():
        jsonschema.Draft202012Validator.check_schema(json_schema(shape))


def test_json_begins_with_its_schema() -> None:
    """A registered shape's JSON begins with `schema`, keeps the order of its fields and fits its schema."""
    value = as_json(WHOLE)

    assert list(value) == ["schema", "count", "colour", "kind", "part", "by_name", "yes"]
    assert value["schema"] == "test-whole/1"
    assert value["part"] == {"name": "x", "parts": [{"name": "y", "parts": []}]}
    jsonschema.validate(value, json_schema(Whole))


@pytest.mark.parametrize(
    "change",
    [
        {"count": -1},
        {"count": "1"},
        {"colour": "blue"},
        {"kind": "c"},
        {"part": {"name": "X", "parts": []}},
        {"part": {"name": "x"}},
        {"by_name": {"n": "1"}},
        {"yes": None},
        {"extra": 1},
        {"schema": "test-whole/2"},
    ],
)
def test_schema_refuses(change: dict[str, Any]) -> None:
    """Wrong types, values, patterns, missing and additional fields are refused."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(as_json(WHOLE) | change, json_schema(Whole))


def test_names_are_taken_once() -> None:
    """Two shapes of one name, and a type that JSON does not have, are mistakes of the programmer."""
    with pytest.raises(ValueError, match="two shapes"):
        wire("test-whole/1")(Part)

    @wire("test-float/1")
    @dataclass(frozen=True)
    class Bad:
        """Has a field that cannot travel."""

        number: float

    try:
        with pytest.raises(TypeError, match="cannot travel"):
            json_schema(Bad)
    finally:
        _forget("test-float/1")


def _forget(name: str) -> None:
    from schema.wire import shape

    del shape._NAMES[shape._SHAPES.pop(name)]
