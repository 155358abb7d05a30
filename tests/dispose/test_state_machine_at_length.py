"""The state machine on every core: 20,000 examples over both databases."""

import os
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.dispose.test_state_machine import played, small_chunks
from tests.fixtures.copied_databases import Databases
from tests.fixtures.disposal_machine import SEEN, Template

pytestmark = pytest.mark.long


def part(given: tuple[Path, str | None, int]) -> dict[str, int]:
    """Play so many examples in a process of its own; returns what they did."""
    folder, url, examples = given
    folder.mkdir()
    with small_chunks(folder):
        played(Template(folder / "city", Databases(url) if url else None), examples)
    return dict(SEEN)


@pytest.mark.long
@pytest.mark.timeout(10_800)
@pytest.mark.parametrize(("database", "examples"), [("sqlite", 18_000), ("postgresql", 2_000)])
def test_nothing_of_20_000_is_destroyed_that_must_stay(
    database: str, examples: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """20,000 examples on both databases, on every core; what they did is printed."""
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else None
    cores, total = os.cpu_count() or 1, Counter[str]()
    began = time.monotonic()
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        for seen in pool.map(part, [(tmp_path / str(one), url, -(-examples // cores)) for one in range(cores)]):
            total.update(seen)
    seconds = time.monotonic() - began
    print(f"{database}: {dict(total)} in {seconds:.0f} s, {total['examples'] / seconds:.1f} examples a second")
    assert total["examples"] >= examples
