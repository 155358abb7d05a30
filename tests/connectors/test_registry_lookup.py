"""Which connectors there are, and who may offer more."""

import sys
from importlib.metadata import EntryPoint, EntryPoints
from types import ModuleType

import pytest

from connectors import registry
from connectors.errors import Misconfigured
from connectors.feed.connector import CONNECTOR as FEED


def offer(monkeypatch: pytest.MonkeyPatch, **points: str) -> None:
    """Pretend that installed packages offer connectors."""
    found = EntryPoints(EntryPoint(name, value, registry.GROUP) for name, value in points.items())
    monkeypatch.setattr(registry, "entry_points", lambda group: found)


def test_built_in_connectors_are_listed_without_being_imported() -> None:
    """The names are known before any module is loaded."""
    assert {"feed", "imap_mailbox", "mail_files", "mastodon_account", "sms_backup"} <= set(registry.names())
    assert registry.get("feed") is FEED


def test_an_unknown_name_lists_the_known_ones() -> None:
    """A misspelt connector is answered with what there is."""
    with pytest.raises(Misconfigured, match=r"'fed'.*feed, imap_mailbox"):
        registry.get("fed")


def test_packages_offer_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry-point group is the door for connectors of others."""
    offer(monkeypatch, wiki="connectors.feed.connector:CONNECTOR")
    assert "wiki" in registry.names()
    assert registry.get("wiki") is FEED


def test_a_built_in_name_cannot_be_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that calls itself feed would otherwise be handed the feed's secrets."""
    thief = ModuleType("thief")
    thief.CONNECTOR = type("CONNECTOR", (FEED,), {})  # type: ignore[attr-defined]  # (a module made by hand)
    monkeypatch.setitem(sys.modules, "thief", thief)
    offer(monkeypatch, feed="thief:CONNECTOR")
    assert registry.get("feed") is FEED
    assert registry.names().count("feed") == 1


@pytest.mark.parametrize(
    "value", ["no.such.module:X", "connectors.feed.connector:NONE", "json:dumps", "json:JSONDecoder"]
)
def test_what_does_not_load_is_said_in_words(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """A broken package is a setting to correct, not a traceback; the others are still listed."""
    offer(monkeypatch, broken=value)
    with pytest.raises(Misconfigured, match="'broken'"):
        registry.get("broken")
    assert "feed" in {info.name for info in registry.infos()}
