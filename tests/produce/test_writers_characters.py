"""What paper shows of characters that are hidden or that no font has."""

import json
import random
from pathlib import Path

import pytest
import typst
from hypothesis import given
from hypothesis import strategies as st

from archiver.paper import typefaces as fonts
from archiver.paper.characters import Coverage, clusters, with_codes


@pytest.fixture(scope="module")
def coverage() -> Coverage:
    """What the shipped fonts can show."""
    return Coverage(list(fonts.load().covers))


@pytest.mark.parametrize(
    "text",
    [
        "Plain, naïve; Straße.\n\tΕλλάδα Привет",
        "שלום مرحبا नमस्ते ไทย ភាសាខ្មែរ ລາວ မြန်မာ አማርኛ ქართული Հայերեն ᏣᎳᎩ",
        "‘curly’ – — … • € ₹ ™ ≤ → ∀ ┌─┐ █ ☎ ✓ Ⓐ",
        "😀 👩‍👩‍👧 ❤️ 1️⃣ 🇺🇸 👍🏽 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "می‌خواهم soft\u00adhyphen no\u00a0break",
    ],
)
def test_shown_as_they_are(coverage: Coverage, text: str) -> None:
    """Latin, Greek, Cyrillic, the scripts of the shipped fonts, symbols and emoji sequences stay as they are."""
    assert coverage.shown(text) == (text, 0)


@pytest.mark.parametrize(
    ("text", "shown", "changed"),
    [
        ("漢", "[CJK UNIFIED IDEOGRAPH-6F22]", 1),
        ("pay\u202egnp", "pay[U+202E RIGHT-TO-LEFT OVERRIDE]gnp", 1),
        ("a\x07\x00b", "a[U+0007][U+0000]b", 2),
        ("\ud800 \ue000 \uffff", "[U+D800] [U+E000] [U+FFFF]", 3),
        ("अ\u0301", "अ[COMBINING ACUTE ACCENT]", 1),
        ("👩\u200d漢", "[WOMAN + CJK UNIFIED IDEOGRAPH-6F22]", 2),
        ("a\r\nb\rc\u2028d\x85e", "a\nb\nc\nd\ne", 0),
    ],
)
def test_shown_by_name_or_code(coverage: Coverage, text: str, shown: str, changed: int) -> None:
    """What has no glyph is named, what is hidden is coded, both are counted; every line end is one line end."""
    assert coverage.shown(text) == (shown, changed)


@given(st.text())
def test_clusters_lose_nothing(text: str) -> None:
    """Cutting into clusters keeps every character in its place."""
    assert "".join(clusters(text)) == text


@given(st.text(st.characters()))
def test_codes_leave_legal_xml(text: str) -> None:
    """After coding, nothing remains that XML 1.0 forbids or that turns a text's direction."""
    shown = with_codes(text)

    assert all(c in "\n\t" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c >= "\U00010000" for c in shown)
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


def test_fonts_survive_saving(tmp_path: Path) -> None:
    """What each volume's process reads back is what was read from the font files."""
    loaded = fonts.load()
    fonts.save(loaded, tmp_path / "fonts.json")

    assert fonts.saved(tmp_path / "fonts.json") == loaded


def test_own_fonts(tmp_path: Path) -> None:
    """A city's folder adds families; a file there that is no font is passed over."""
    own = (fonts.SHIPPED / "NotoSansThai-Regular.ttf").read_bytes()
    (tmp_path / "own.ttf").write_bytes(own)
    (tmp_path / "broken.ttf").write_bytes(own[:300])
    (tmp_path / "collection.ttc").write_bytes(b"nonsense")
    loaded = fonts.load(tmp_path)

    assert loaded.folders == (str(fonts.SHIPPED), str(tmp_path))
    assert loaded.families == fonts.load().families


def test_fonts_are_small_and_free() -> None:
    """The shipped fonts stay below 6.5 MB, and their licences lie beside them."""
    assert sum(path.stat().st_size for path in fonts.SHIPPED.iterdir()) < 6_500_000
    assert "SIL OPEN FONT LICENSE Version 1.1" in (fonts.SHIPPED / "LICENSE-noto.txt").read_text(encoding="utf-8")
    assert "Permission is hereby granted" in (fonts.SHIPPED / "LICENSE-dejavu.txt").read_text(encoding="utf-8")


def test_typst_can_set_whatever_is_shown(coverage: Coverage, tmp_path: Path) -> None:
    """Random company of all of Unicode is set under PDF/UA-1, which stops at a missing glyph."""
    rnd = random.Random(7)
    known = sorted(frozenset().union(*fonts.load().covers))
    marks = [0x301, 0x94D, 0x200D, 0xFE0F, 0x1F3FD, 0x20E3, 0x1F1FA, 0x200C, 0x64B, 0xE0067, 0x20DD]

    def one() -> str:
        pool = rnd.choice(["known", "known", "mark", "any"])
        if pool == "mark":
            return chr(rnd.choice(marks))
        return chr(rnd.choice(known) if pool == "known" else rnd.randrange(0x30000))

    texts = [coverage.shown("".join(one() for _ in range(6)))[0] for _ in range(4000)]
    source = '#set document(title: "x")\n#let d = json("d.json")\n'
    source += "#set text(font: d.fonts, fallback: false)\n#for t in d.texts {par(t)}"
    (tmp_path / "d.json").write_text(json.dumps({"fonts": fonts.load().families, "texts": texts}))
    (tmp_path / "t.typ").write_text(source)
    made = typst.compile(
        str(tmp_path / "t.typ"),
        root=str(tmp_path),
        font_paths=[str(fonts.SHIPPED)],
        ignore_system_fonts=True,
        pdf_standards=["ua-1"],
    )

    assert made is not None and made.startswith(b"%PDF")
