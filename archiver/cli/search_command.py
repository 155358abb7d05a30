"""`archiver search`: find records, with an exact count and what it covers."""

import re
import sys
from typing import Annotated, Any

import typer

from archiver.cli import output
from archiver.cli.opened import JSON, actor_of, opened

app = typer.Typer(add_completion=False)

_LISTED = 1_000
"""Ids of `--ids` that the log names; they are no content, and the question and count are logged beside them."""
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@app.command()
def search(
    context: typer.Context,
    query: Annotated[
        str, typer.Argument(help='Words, "phrases", AND OR NOT, W/5, from:, after:2026-01-05 … (docs/search.md).')
    ],
    count: Annotated[bool, typer.Option("--count", help="Only the exact count and what it covers.")] = False,
    ids: Annotated[bool, typer.Option("--ids", help="Every id, one a line.")] = False,
    limit: Annotated[int, typer.Option(min=0, max=10_000, help="How many hits to show.")] = 50,
    facets: Annotated[bool, typer.Option("--facets", help="Counts by source, platform, kind, series …")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="The count of each part of the question.")] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Find records, with an exact count and what it covers."""
    from archiver.access import require
    from archiver.search.answer import answer, find_ids
    from schema.vocab import Role

    with opened(context) as archive:
        actor = actor_of(archive)
        require(actor, *(one for one in Role if one is not Role.CUSTODIAN))
        if ids:
            found = find_ids(archive, query)
            shown, total = found[:_LISTED], len(found)
        else:
            result = answer(archive, query, limit=0 if count else limit, facets=facets, explain=explain)
            shown, total = [hit.document.record_id for hit in result.hits], result.count
        with archive.unit() as session:
            facts = {"count": total, "shown": shown}
            archive.record_act(session, "search", "index", actor_id=actor.id, facts=facts, text=query.strip() or None)
        zone = archive.city.timezone
    if ids:
        if json:
            output.as_json("search-ids/1", {"query": query, "count": total, "ids": [f"R{one}" for one in found]})
        else:
            sys.stdout.writelines(f"R{one}\n" for one in found)
    elif json:
        output.as_json("search/1", result.as_dict())
    else:
        _show(result, zone)


def _show(result: Any, zone: str) -> None:
    from archiver.clock import printed

    for hit in result.hits:
        one = hit.document
        when = printed(one.sent_at, zone, one.offset_min)
        output.data(_harmless(f"R{one.record_id}  {when}  {one.source}  {', '.join(one.author)}  {one.title}").rstrip())
        output.data(f"    {_marked(hit)}")
    output.data(f"Found {result.count}: {result.interpreted}")
    for part, number in result.explained:
        output.data(f"  {number}  {part}")
    for name, values in (result.facets or {}).items():
        output.data(f"{name}: " + ", ".join(f"{value} {number}" for value, number in values[:12]))
    for line in result.said(zone):
        output.talk(line)


def _harmless(text: str) -> str:
    """A stranger's text as it may go to a terminal: no control characters, none that turn the line round."""
    return _CONTROLS.sub(" ", text)


def _marked(hit: Any) -> str:
    text, parts, last = _harmless(hit.snippet), [], 0
    bold = ("\x1b[1m", "\x1b[0m") if sys.stdout.isatty() else ("[", "]")
    for start, stop in hit.spans:
        parts += [text[last:start], bold[0], text[start:stop], bold[1]]
        last = stop
    return "".join([*parts, text[last:]])
