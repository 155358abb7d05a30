"""config.example.toml shows every setting of this machine with its default and its meaning."""

import re
import tomllib

from archiver.config import Config, load
from tests.house.source import ROOT

EXAMPLE = ROOT / "config.example.toml"


def comments_above() -> dict[str, str]:
    """section or section.key -> the comment lines right above it, joined."""
    found, waiting, section = {}, list[str](), ""
    for line in EXAMPLE.read_text("utf-8").splitlines():
        if line.startswith("#"):
            waiting.append(line.removeprefix("#").strip())
            continue
        if named := re.match(r"\[([\w.]+)\]", line):
            section = named.group(1)
            found[section] = " ".join(waiting)
        elif named := re.match(r"(\w+)\s*=", line):
            found[f"{section}.{named.group(1)}"] = " ".join(waiting)
        waiting = []
    return found


def test_example_is_the_defaults() -> None:
    """The example has exactly the sections and keys there are, at their defaults; the program reads it."""
    given = tomllib.loads(EXAMPLE.read_text("utf-8"))
    assert given == Config().model_dump(mode="json")
    assert load(EXAMPLE) == Config()


def test_example_explains_every_setting() -> None:
    """Above each section and key stands what the program itself says of it."""
    comments = comments_above()
    for section, field in Config.model_fields.items():
        model = field.annotation
        assert model is not None
        assert comments.get(section) == " ".join((model.__doc__ or "").split()), f"[{section}]"
        for key, setting in model.model_fields.items():  # type: ignore[attr-defined]  # every section is a model
            assert setting.description, f"{section}.{key} has no description in archiver/config.py"
            assert comments.get(f"{section}.{key}") == setting.description, f"{section}.{key}"
