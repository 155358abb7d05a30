"""From a parsed TOML table to a frozen dataclass, strictly: every key known, every type right, nothing missing."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Shape = TypeVar("Shape")


class LawDataError(Exception):
    """A file of law data is wrong; the message names file, key and what to write instead."""


def build(shape: type[Shape], table: object, where: str) -> Shape:
    """Make a `shape` (a dataclass) from a TOML table.

    where: file, then the path of keys, for the message.  Raises LawDataError.
    """
    if not isinstance(table, dict):
        raise LawDataError(f"{where}: expected a table, found {table!r}")
    hints, required = _fields(shape)
    if unknown := sorted(set(table) - set(hints)):
        raise LawDataError(f"{where}: unknown key {', '.join(unknown)}; known keys: {', '.join(sorted(hints))}")
    if missing := sorted(required - set(table)):
        raise LawDataError(f"{where}: missing key {', '.join(missing)}")
    return shape(**{key: _value(hints[key], value, f"{where}: {key}") for key, value in table.items()})


_hints = cache(get_type_hints)


def _fields(shape: Any) -> tuple[dict[str, Any], frozenset[str]]:
    required = (f.name for f in fields(shape) if f.default is MISSING and f.default_factory is MISSING)
    return _hints(shape), frozenset(required)


def _value(hint: Any, value: object, where: str) -> object:  # hint: any type annotation, which has no better type
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _value(next(part for part in arguments if part is not NoneType), value, where)
    if origin is tuple:
        parts = _expect(list, value, where)
        return tuple(_value(arguments[0], part, f"{where}[{number}]") for number, part in enumerate(parts, 1))
    if origin is Mapping:
        entries = _expect(dict, value, where)
        return MappingProxyType({key: _value(arguments[1], part, f"{where}.{key}") for key, part in entries.items()})
    if is_dataclass(hint) and isinstance(hint, type):
        return build(hint, value, where)
    return _single(hint, value, where)


def _single(hint: Any, value: object, where: str) -> object:  # hint: as above
    if get_origin(hint) is Literal:
        return _one_of(get_args(hint), value, where)
    if issubclass(hint, StrEnum):
        return hint(_one_of(tuple(member.value for member in hint), value, where))
    return _expect(hint, value, where)


def _expect(kind: type[Shape], value: object, where: str) -> Shape:
    if type(value) is not kind:  # exactly: True is no number
        raise LawDataError(f"{where}: expected {kind.__name__}, found {value!r}")
    return value


def _one_of(
    allowed: tuple[object, ...], value: object, where: str
) -> Any:  # one of the literals or values of a vocabulary
    if value not in allowed:
        raise LawDataError(f"{where}: {value!r} is not one of {', '.join(map(str, allowed))}")
    return value
