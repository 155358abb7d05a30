"""What commands print with --json has the shapes that scripts rely on."""

import importlib
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from archiver.cli.main import main
from schema.wire.shape import json_schema, shapes

SMS = """<?xml version="1.0" encoding="UTF-8"?>
<smses count="2">
<sms address="+16125550101" date="1767600000000" type="1" subject="null" body="The variance hearing moves to Monday" />
<sms address="+16125550102" date="1767600060000" type="2" subject="null" body="Snow emergency tonight" />
</smses>"""


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """Run a command with --json; returns what it printed."""
    capsys.readouterr()
    main([*arguments, "--json"])
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    return printed


def test_every_spelled_out_command_keeps_its_shape(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each answer of init, collect, search, request open, produce build, audit and a failure fits its schema."""
    importlib.import_module("schema.wire.commands")
    city = ("--archive", str(tmp_path / "city"))
    (tmp_path / "sms.xml").write_text(SMS)
    printed = [answer(capsys, "init", str(tmp_path / "city"))]
    answer(capsys, *city, "source", "add", "sms", "sms_backup", "--set", f"path={tmp_path / 'sms.xml'}")
    answer(capsys, *city, "source", "add", "gone", "mail_files", "--set", f"path={tmp_path / 'nothing'}")
    printed.append(answer(capsys, *city, "collect", "--all"))
    printed.append(answer(capsys, *city, "search", "variance OR snow", "--facets", "--explain"))
    printed.append(answer(capsys, *city, "search", "on:2026-01", "--count"))
    printed.append(answer(capsys, *city, "request", "open", "--summary", "All about the variance"))
    printed.append(answer(capsys, *city, "search", '"never closed'))
    answer(capsys, *city, "request", "candidates", "Q" + printed[4]["id"][1:], "--query", "variance", "--freeze")
    printed.append(answer(capsys, *city, "produce", "build", printed[4]["id"], "--out", str(tmp_path / "out")))
    printed.append(answer(capsys, *city, "audit", "head"))
    printed.append(answer(capsys, *city, "audit", "prove", "1"))
    printed.append(answer(capsys, *city, "audit", "prove", "--since", "1"))

    known = shapes()
    names = [one["schema"] for one in printed]
    assert names == [
        "init/1", "collect/1", "search/1", "search/1", "request/1", "failure/1", "production/1", "audit-head/1",
        "audit-proof/1", "audit-consistency/1",
    ]  # fmt: skip
    for one in printed:
        jsonschema.validate(one, json_schema(known[one["schema"]]))
    assert all(next(iter(one)) == "schema" for one in printed)


def test_a_wrong_field_would_be_noticed() -> None:
    """The schemas allow no other field and miss none."""
    importlib.import_module("schema.wire.commands")
    opened = {"schema": "request/1", "id": "Q2026-1", "date": None, "nature": "law", "explanation": "x", "hold": None}
    shape = json_schema(shapes()["request/1"])
    jsonschema.validate(opened, shape)

    short = {name: value for name, value in opened.items() if name != "hold"}
    for broken in ({**opened, "more": 1}, {**opened, "nature": "due"}, short):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, shape)
