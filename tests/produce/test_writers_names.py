"""File names of strangers are written safely and never on top of each other."""

import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.produce.verifier.verify import path_is_safe
from archiver.produce.writers.names import LONGEST, FolderNames, safe_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("photo.jpg", "photo.jpg"),
        ("Größe 漢字.pdf", "Größe 漢字.pdf"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..\\..\\windows\\system32", "_.._windows_system32"),
        ("C:\\x", "C__x"),
        ("con", "_con"),
        ("NUL.tar.gz", "_NUL.tar.gz"),
        ("com1 .txt", "_com1 .txt"),
        ("LPT².x", "_LPT².x"),
        ("...", "file"),
        ("", "file"),
        (".hidden.", "hidden"),
        ("-rf", "_-rf"),
        ("invoice\u202efdp.exe", "invoice_fdp.exe"),
        ("a\x00b\nc", "a_b_c"),
        ("x" * 300 + ".jpeg", "x" * 115 + ".jpeg"),
        ("é" * 300, "é" * 60),
    ],
)
def test_safe_names(name: str, safe: str) -> None:
    """Separators, directions, devices, outer dots and length are made harmless; the extension stays."""
    assert safe_name(name) == safe


@given(
    st.lists(
        st.text(max_size=200) | st.sampled_from(["a.txt", "A.TXT", "a (2).txt", "CON", "..", "\ud800"]), max_size=12
    )
)
def test_names_of_one_folder(names: list[str]) -> None:
    """Any names become different, safe names, also where capitals and compatibility forms do not count."""
    folder = FolderNames()
    taken = [folder.take(name) for name in names]

    assert len({unicodedata.normalize("NFKC", name).casefold() for name in taken}) == len(names)
    for name in taken:
        assert path_is_safe(f"originals/A000001/{name}")
        assert len(name.encode()) <= LONGEST
        assert not PureWindowsPath(name).is_reserved()
        assert PurePosixPath(name).name == PureWindowsPath(name).name == name


def test_collisions_are_numbered() -> None:
    """The same name again gets a number before its extension."""
    folder = FolderNames()

    assert [folder.take(n) for n in ("a.txt", "A.txt", "a (2).txt", "a.txt")] == [
        "a.txt",
        "A (2).txt",
        "a (2) (2).txt",
        "a (3).txt",
    ]
