"""How fast the embedded engines write and answer; prints a table, never fails on a clock.

Usage: python -m tests.bench.bench_engines [documents ...] [--engines fts5 whoosh]
"""

import argparse
import random
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

from archiver.index.document import Document
from archiver.index.engines.contract import Engine, Place
from archiver.index.engines.registry import ENGINES, open_engine
from archiver.index.query import And, Field, FieldName, Fuzzy, Near, Node, Not, Or, Phrase, Sent, Term, Wildcard

START, DAY = 1_600_000_000_000, 86_400_000
BATCH = 5_000
ROUNDS = 20


def _vocabulary() -> tuple[list[str], list[float]]:
    """Words with endings after Zipf, as many different ones as real messages have (about 1 in 30 tokens of 100,000)."""
    rng = random.Random(2)
    words, weights = [], []
    for rank in range(60_000):
        parts = rng.randint(1, 4)
        base = "".join(rng.choice("bcdfghklmnprtvw") + rng.choice("aeiou") for _ in range(parts)) + rng.choice(
            "bdgklmnprt"
        )
        for ending, share in (("", 0.6), ("s", 0.25), ("ing", 0.1), ("ed", 0.05)):
            words.append(base + ending)
            weights.append(share / (rank + 10) ** 1.15)
    return words, list(accumulate(weights))


WORDS, WEIGHTS = _vocabulary()


def documents(count: int) -> Iterator[list[Document]]:
    """Batches of short messages, mean 42 words, one in a hundred long, the same for the same count."""
    rng = random.Random(5)
    for first in range(1, count + 1, BATCH):
        yield [_document(rng, number) for number in range(first, min(first + BATCH, count + 1))]


def _document(rng: random.Random, number: int) -> Document:
    length = rng.randint(400, 3000) if rng.random() < 0.005 else rng.randint(8, 60)
    account = rng.randrange(320)
    return Document(
        record_id=number,
        version=1,
        sent_at=None if rng.random() < 0.01 else START + rng.randrange(1500 * DAY),
        offset_min=-360,
        captured_at=START,
        source_id=account,
        source=f"Source {account // 4}",
        account=f"account-{account}",
        device="",
        custodian=f"Person {account // 2}",
        platform=rng.choice(("sms", "email", "x", "facebook")),
        kind=rng.choice(("message", "post")),
        series=f"COR-{account % 12:02}",
        data_class="unclassified",
        thread_id=number // 15,
        thread_title="",
        author=(f"Person {account // 2}",),
        recipients=(f"Person {rng.randrange(160)}",),
        title="",
        text=" ".join(rng.choices(WORDS, cum_weights=WEIGHTS, k=length)),
        files=(),
        labels=(),
        states=rng.choice(((), (), ("edited",))),
        contents=rng.choice(((), (), ("link",), ("image", "attachment"))),
    )  # fmt: skip  (a list of names, no table)


def _questions(rng: random.Random) -> dict[str, Callable[[], Node]]:
    def word(low: int = 0, high: int = 2000) -> str:
        return WORDS[4 * rng.randrange(low, high)]

    def terms(count: int) -> tuple[Term, ...]:
        return tuple(Term(word(0, 300)) for _ in range(count))

    def mixed() -> Node:
        accounts = Field(FieldName.ACCOUNT, tuple(f"account-{n}" for n in rng.sample(range(320), 20)))
        year = Sent(START, START + 365 * DAY)
        return And((Or(terms(2)), Not(Term(word(0, 300))), accounts, year))

    return {
        "word": lambda: Term(word(20, 300)),
        "rare word": lambda: Term(word(5000, 40000)),
        "commonest word": lambda: Term(WORDS[0]),
        "and of 3": lambda: And(terms(3)),
        "phrase": lambda: Phrase(terms(2)),
        "W/5": lambda: Near(terms(1), terms(1), 5, True),
        "NEAR/5": lambda: Near(terms(1), terms(1), 5, False),
        "abc*": lambda: Wildcard(word(20, 300)[:3] + "*"),
        "*abc": lambda: Wildcard("*" + word(20, 300)[-4:]),
        "word~1": lambda: Fuzzy(word(20, 2000), 1),
        "(a or b) not c, 20 accounts, 1 year": mixed,
        "word, 1 month": lambda: And((Term(word(0, 100)), Sent(START, START + 30 * DAY))),
        "field": lambda: Field(FieldName.PLATFORM, ("sms",)),
        "dates": lambda: Sent(START + 100 * DAY, START + 130 * DAY),
    }


def _milliseconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def _p50_p95(times: list[float]) -> str:
    found = sorted(times)
    return f"{statistics.median(found):9.2f} {found[min(len(found) - 1, int(len(found) * 0.95))]:9.2f}"


def _answers(engine: Engine) -> dict[str, float]:
    medians: dict[str, float] = {}
    rng = random.Random(9)
    print(f"  {'ms, p50 and p95':38} {'count + first 50 by date':>20}")
    for name, make in _questions(rng).items():
        rounds = ROUNDS if engine.name == "fts5" else ROUNDS // 4
        times, found = [], 0
        for _ in range(rounds):
            node = make()
            times.append(_milliseconds(lambda node=node: (engine.count(node), engine.page(node, 50))))
            found += engine.count(node)
        medians[name] = statistics.median(times)
        print(f"  {name:38} {_p50_p95(times)}   {found // rounds:9,} found", flush=True)
    common = Term(WORDS[20])
    hits = engine.page(common, 50)
    others: dict[str, Callable[[], object]] = {
        "ids of a common word": lambda: sum(1 for _ in engine.ids(common)),
        "second page of it": lambda: engine.page(common, 50, hits[-1] if hits else Place(0, 0)),
        "50 documents": lambda: engine.documents([hit.record_id for hit in hits]),
        "three facets of it": lambda: engine.facets(common, [FieldName.PLATFORM, FieldName.ACCOUNT, FieldName.HAS]),
    }
    for name, work in others.items():
        medians[name] = statistics.median(_milliseconds(work) for _ in range(5))
        print(f"  {name:38} {medians[name]:9.2f}   {engine.count(common):,} found", flush=True)
    return medians


def measure(name: str, count: int, folder: Path) -> dict[str, float]:
    """Write, ask, replace, remove and scrub one engine; prints lines and returns medians in milliseconds."""
    engine = open_engine(name, folder)
    busy = 0.0
    for batch in documents(count):
        busy += _milliseconds(lambda batch=batch: engine.write(batch, [], batch[-1].record_id))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"\n{name}, {count:,}: {count / busy * 1000:,.0f} written/s, {size / count:,.0f} bytes each, {peak} MB")
    medians = {"written": busy / count} | _answers(engine)
    some = next(documents(500))
    removed = list(range(1, count, 10))
    medians["replace 500"] = _milliseconds(lambda: engine.write(some, [], count))
    medians["remove a tenth"] = _milliseconds(lambda: engine.write([], removed, count))
    medians["scrub"] = _milliseconds(engine.scrub)
    for act in ("replace 500", "remove a tenth", "scrub"):
        print(f"  {act:38} {medians[act]:9.0f}", flush=True)
    engine.close()
    return medians


def main() -> None:
    """Measure each engine at each size and print how they compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[10_000, 100_000])
    parser.add_argument("--engines", nargs="*", default=list(ENGINES))
    asked = parser.parse_args()
    for count in asked.sizes:
        medians = {}
        for name in asked.engines:
            with TemporaryDirectory() as folder:
                medians[name] = measure(name, count, Path(folder))
        if set(ENGINES) <= medians.keys():
            ratios = (f"{act} {medians['whoosh'][act] / medians['fts5'][act]:.0f}" for act in medians["fts5"])
            print(f"\nwhoosh : fts5 at {count:,}: {', '.join(ratios)}")


if __name__ == "__main__":
    main()
