"""Dates counted by hand, against the rules as data and the arithmetic on them."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from archiver.data_requests.business_days import add_business_days, add_calendar_days
from archiver.data_requests.deadlines import date_of
from schema.law.loader import jurisdiction
from schema.vocab import Nature

VECTORS = tomllib.loads(Path(__file__).with_name("date_vectors.toml").read_text())["vector"]


def name(vector: dict[str, Any]) -> str:
    """What a failing vector is called."""
    return f"{vector['deadline']} {vector['received']} {vector['options'] or ''}"


def test_all_vectors_are_there() -> None:
    """The fifteen dates of the reference are all run."""
    assert len(VECTORS) == 15


@pytest.mark.parametrize("vector", VECTORS, ids=name)
def test_counting_gives_the_date_of_the_vector(vector: dict[str, Any]) -> None:
    """Plain counting of the vector's number and unit gives its date."""
    law = jurisdiction(vector["jurisdiction"])
    start, number, options = vector["received"], vector["number"], vector["options"]
    if vector["unit"] == "business_day":
        assert add_business_days(start, number, law, options)[0] == vector["due"]
    else:
        assert add_calendar_days(start, number, law, options, roll=False)[0] == vector["due"]


@pytest.mark.parametrize("vector", VECTORS, ids=name)
def test_the_rule_gives_the_date_of_the_vector(vector: dict[str, Any]) -> None:
    """The rule named by the vector gives its date, as law, with statute and edition."""
    law = jurisdiction(vector["jurisdiction"])
    rule_id, plus, _ = vector["deadline"].partition("+ext")
    found = date_of(law, rule_id, vector["received"], options=vector["options"], extended=bool(plus))
    assert (found.date, found.nature, found.edition) == (vector["due"], Nature.LAW, law.edition)
    assert found.statute in found.explanation
    assert isinstance(found.date, date) and str(found.date.year) in found.explanation
