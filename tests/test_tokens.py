"""Words and their places: one tokenizer for index, question and highlight."""

import random
import sys
import time
import unicodedata

import pytest

from archiver.tokens import LONGEST, spans, stem, stems, words

ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789",
    " \t\n.,;:!?'\"-_/@#()[]{}<>=*",
    "éüßñçøåœŁİıŞẞǅﬁﬀŉ",
    "“”‘’–—…•·\u00a0\u200b",
    "\u0301\u0308\u0338\u0345\u0327\u20e3\u00ad\u200d\u200c\ufe0f\u034f",
    "жЩёσςΣΆ\u1fb3אבגשׁعربيﷺ",
    "東京都々〇スーパーﾊﾞｶﾞひらがな\u3099",
    "กำแพงน้ำລາວក្រុងမြန်မာ",
    "한글가ㄳㅏㅋㅠ\u1100\u1161\u11a8ﾡￂ",
    "हिन्दीবাংলা\u09be\u0bbeதமிழ்",
    "👍🏽❤👨👩👧🇺🇸🇨🇦🏴✓⭐",
    "½²³₂™℠№㎏①Ⓐ㍻℃１Ａ",
    "\x00\ud800\U000e0067\U0001d400\U00020000\U0010ffff",
)


def random_text(rng: random.Random) -> str:
    """A string of up to 40 characters from up to three alphabets, or from all of Unicode."""
    if rng.random() < 0.2:
        return "".join(chr(rng.randrange(sys.maxunicode + 1)) for _ in range(rng.randrange(20)))
    pool = "".join(rng.sample(ALPHABETS, 3)) + ALPHABETS[0] + " "
    return "".join(rng.choice(pool) for _ in range(rng.randrange(40)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("Variance HEARING", ["variance", "hearing"]),
        ("O'Brien O\u2019Brien", ["o", "brien", "o", "brien"]),
        ("variance_map-2.pdf", ["variance", "map", "2", "pdf"]),
        ("clerk@ci.orono.mn.us", ["clerk", "ci", "orono", "mn", "us"]),
        ("(952) 555-0100", ["952", "555", "0100"]),
        ("var\u00adiance \u200ehi\ufeff", ["variance", "hi"]),
        ("e\u0301te\u0301 \u00e9t\u00e9", ["\u00e9t\u00e9", "\u00e9t\u00e9"]),
        ("STRASSE straße ﬁne Ｆｕｌｌ", ["strasse", "strasse", "fine", "full"]),
        ("m² Zoom™ 1½ note¹", ["m", "2", "zoom", "tm", "1", "1", "2", "note", "1"]),
        ("東京都ABC", ["東", "京", "都", "abc"]),
        ("ﾊﾞス", ["バ", "ス"]),
        ("น้ำ", ["น\u0e49\u0e4d", "า"]),
        ("한국 소식", ["한국", "소식"]),
        ("हिन्दी", ["हिन्दी"]),
        ("👍🏽❤\ufe0f 👨\u200d👩", ["👍", "❤", "👨", "👩"]),
        ("🇺🇸🇨🇦 1\ufe0f\u20e32\ufe0f\u20e3", ["🇺🇸", "🇨🇦", "1", "2"]),
        ("éabcdefghijklé", ["éabcdefghijklé"]),
    ],
)
def test_words_are_cut_as_described(text: str, expected: list[str]) -> None:
    """Case, accents, scripts without spaces, emoji and signs give the tokens that the module promises."""
    assert words(text) == expected


def test_spans_agree_with_words_on_random_unicode() -> None:
    """On 20,000 random strings spans give the same tokens, in order, at places whose text contains the token."""
    rng = random.Random(20260105)
    for _ in range(20_000):
        text = random_text(rng)
        found = spans(text)
        assert [token for token, _, _ in found] == words(text), ascii(text)
        before = 0
        for token, start, end in found:
            assert 0 <= before <= start < end <= len(text), ascii(text)
            assert token in words(text[start:end]), ascii((text, token))
            before = start


def test_a_space_keeps_texts_apart() -> None:
    """The tokens of two texts joined by a space are the tokens of each."""
    rng = random.Random(7)
    for _ in range(20_000):
        left, right = random_text(rng), random_text(rng)
        assert words(f"{left} {right}") == words(left) + words(right), ascii((left, right))


def test_equivalent_spellings_give_the_same_words() -> None:
    """Composed, decomposed and upper-case spellings of a text are the same tokens."""
    rng = random.Random(11)
    for _ in range(20_000):
        text = random_text(rng)
        assert words(unicodedata.normalize("NFD", text)) == words(unicodedata.normalize("NFC", text)), ascii(text)


def test_every_character_keeps_its_place() -> None:
    """Each single character between letters gives the same tokens with and without places."""
    for start in range(0, sys.maxunicode + 1, 16):
        text = "".join(f"a{chr(code)}b " for code in range(start, start + 16))
        assert [token for token, _, _ in spans(text)] == words(text), hex(start)


def test_words_of_words_are_themselves() -> None:
    """A token asked for again is found as that token: a question cut from a text meets the text."""
    rng = random.Random(13)
    for _ in range(20_000):
        for token in words(random_text(rng)):
            assert words(token) == [token], ascii(token)


def test_long_runs_are_cut() -> None:
    """A run beyond 200 characters, such as encoded data, becomes adjacent tokens of at most 200."""
    text = "x" * (2 * LONGEST + 5) + " é" + "y" * LONGEST
    assert [len(token) for token in words(text)] == [LONGEST, LONGEST, 5, LONGEST, 1]
    assert [(token, start, end) for token, start, end in spans(text)] == [
        ("x" * LONGEST, 0, LONGEST),
        ("x" * LONGEST, LONGEST, 2 * LONGEST),
        ("x" * 5, 2 * LONGEST, 2 * LONGEST + 5),
        ("é" + "y" * (LONGEST - 1), 2 * LONGEST + 6, 3 * LONGEST + 6),
        ("y", 3 * LONGEST + 6, 3 * LONGEST + 7),
    ]


def test_stems_are_english_and_leave_the_rest_alone() -> None:
    """English words share a stem; tokens with digits or other letters are their own stem."""
    assert stems(["hearing", "hearings", "variances", "variance"]) == ["hear", "hear", "varianc", "varianc"]
    assert stems(["b52s", "cafés", "東", "👍", "2026"]) == ["b52s", "cafés", "東", "👍", "2026"]
    assert stem("") == ""


@pytest.mark.bench
def test_words_are_fast() -> None:
    """ASCII text is cut at more than 1.5 million tokens a second on one core."""
    text = " ".join(f"Variance hearing {n} o'brien, (clerk)" for n in range(20))
    started = time.perf_counter()
    count = sum(len(words(text)) for _ in range(2_000))
    assert count / (time.perf_counter() - started) > 1_500_000
