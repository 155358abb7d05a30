"""The story of Lakewood Falls in order, every step by the real commands."""

from pathlib import Path

from archiver.demo import answering, nights
from archiver.demo.city import Calendar
from archiver.demo.online import online
from archiver.demo.stage import Stage, Summary
from archiver.demo.telling import Commands, Telling


def tell_story(commands: Commands, folder: Path, now: int, *, quiet: bool) -> Summary:
    """Tell the story of a new sample city in a folder; now: milliseconds UTC.  Raises DemoStopped."""
    stage = Stage(Telling(commands, folder / "archive", quiet=quiet), folder, Calendar(now))
    nights.make_city(stage)
    with online(stage.calendar) as site:
        nights.add_sources(stage, site)
        nights.declare(stage, site)
        nights.schedule(stage)
        nights.first_night(stage)
        nights.second_night(stage, site)
    answering.search(stage)
    number = answering.open_request(stage)
    answering.produce(stage, number)
    answering.close(stage, number)
    answering.prove(stage)
    return stage.summary
