"""The definition of a match: every node evaluated the slow, plain way on the words of one document, and seeded chance.

Positions of a zone: the tokens of its segments in order, one empty position between two segments that have tokens; a
phrase stands on adjacent positions, so it cannot cross a segment.  `a W/n b`: b starts 1 to n positions after the last
token of a (W/1: adjacent); `NEAR/n`: either order.  Not: every document that does not match.  A stemmed term is every
token with its stem.
"""

import random
from collections.abc import Iterator

from archiver.index.document import Document
from archiver.index.query import (
    And,
    Everything,
    Field,
    FieldName,
    Fuzzy,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    RecordIs,
    Sent,
    Term,
    ThreadIs,
    Undated,
    Wildcard,
    Word,
    Zone,
)
from archiver.tokens import stem, words

NOW_MS = 1_778_000_000_000  # 5 May 2026
TIMEZONE = "America/Chicago"
_DAY = 86_400_000


def positions(document: Document, zone: Zone) -> list[str | None]:
    """The tokens of a zone by position, None between segments."""
    found: list[str | None] = []
    for segment in document.segments(zone):
        tokens = words(segment)
        if tokens and found:
            found.append(None)
        found.extend(tokens)
    return found


def wildcard_matches(pattern: str, token: str) -> bool:
    """Whether a pattern of `*` and `?` is the whole token."""
    if not pattern:
        return not token
    if pattern[0] == "*":
        return any(wildcard_matches(pattern[1:], token[at:]) for at in range(len(token) + 1))
    return bool(token) and pattern[0] in ("?", token[0]) and wildcard_matches(pattern[1:], token[1:])


def edits(left: str, right: str) -> int:
    """The least number of insertions, deletions and substitutions (Levenshtein)."""
    row = list(range(len(right) + 1))
    for line, one in enumerate(left, 1):
        diagonal, row[0] = row[0], line
        for at, other in enumerate(right, 1):
            diagonal, row[at] = row[at], min(diagonal + (one != other), row[at] + 1, row[at - 1] + 1)
    return row[-1]


def is_word(word: Word, token: str | None) -> bool:
    """Whether a token of the text is the word that was asked for."""
    if token is None:
        return False
    match word:
        case Term(wanted, True):
            return stem(token) == stem(wanted)
        case Term(wanted):
            return token == wanted
        case Wildcard(pattern):
            return wildcard_matches(pattern, token)
        case Fuzzy(wanted, distance):
            return edits(token, wanted) <= distance


def places(operand: Word | Phrase, document: Document) -> Iterator[tuple[int, int]]:
    """First and last position of every place where an operand stands."""
    parts = operand.words if isinstance(operand, Phrase) else (operand,)
    tokens = positions(document, parts[0].zone)
    for first in range(len(tokens) - len(parts) + 1):
        if all(is_word(word, tokens[first + at]) for at, word in enumerate(parts)):
            yield first, first + len(parts) - 1


def matches(node: Node, document: Document) -> bool:  # noqa: PLR0911  (one return for each kind of node)
    """Whether a document answers a question: the definition that every engine is held against."""
    match node:
        case Everything():
            return True
        case And(parts):
            return all(matches(part, document) for part in parts)
        case Or(parts):
            return any(matches(part, document) for part in parts)
        case Not(part):
            return not matches(part, document)
        case Field(name, values):
            return any(value in values for value in document.values(name))
        case ThreadIs(number):
            return document.thread_id == number
        case RecordIs(numbers):
            return document.record_id in numbers
        case Undated():
            return document.sent_at is None
        case Sent(since, until):
            at = document.sent_at
            return at is not None and (since is None or since <= at) and (until is None or at < until)
        case Near():
            return _near(node, document)
    return any(True for _ in places(node, document))


def _near(node: Near, document: Document) -> bool:
    left = [place for operand in node.left for place in places(operand, document)]
    right = [place for operand in node.right for place in places(operand, document)]
    pairs = [(a, b) for a in left for b in right] + ([] if node.ordered else [(b, a) for a in left for b in right])
    return any(1 <= second[0] - first[1] <= node.distance for first, second in pairs)


_STEMS = """
variance hear council permit budget meet snow plow zone water main clerk report inspect street park vote agenda appeal
fee road sewer bridge fence sign truck request record notice order mayor lake
""".split()  # noqa: SIM905  (a list of words reads best as text)
_ENDINGS = ("", "", "", "s", "ing", "ed", "er", "ation")
_OTHERS = """
the of to and a in is on for it we at by 2026 952 555 0100 b52 O'Brien don't co-op clerk@ci.orono.mn.us
https://x.com/a?b=1 #snow @jane café naïve straße Ångström совет заседание 東京都 会議 かな กำแพง 한국어 हिन्दी שלום
مرحبا 👍 👍🏽 ❤️ 👨‍👩‍👧 🇺🇸 … — “ok” m² ½ ﬁne _x_ ok! ...
""".split()  # noqa: SIM905  (a list of words reads best as text)
_NAMES = (
    "Jane Doe",
    "Bob O'Brien",
    "jane@ci.orono.mn.us",
    "+1 952-555-0100",
    "José Núñez",
    "Müller",
    "@publicworks",
    "陈伟",
)
_CHOICES = {
    FieldName.PLATFORM: ("sms", "email", "x", "facebook"),
    FieldName.SOURCE: ("City X", "Clerk Mailbox", "Würth Phone"),
    FieldName.ACCOUNT: ("@cityoforono", "clerk@ci.orono.mn.us", ""),
    FieldName.DEVICE: ("Phone 1", "Phone 2", ""),
    FieldName.CUSTODIAN: ("Jane Doe", "Bob O'Brien", ""),
    FieldName.KIND: ("message", "email", "post", "photo"),
    FieldName.SERIES: ("COR-01", "COR-02", "unscheduled"),
    FieldName.CLASS: ("unclassified", "public", "private"),
    FieldName.LABEL: ("urgent", "Zoning Case", "straße"),
    FieldName.IS: ("edited", "gone", "hidden", "held"),
    FieldName.HAS: ("attachment", "image", "link"),
}


def _vocabulary() -> list[str]:
    rng = random.Random(0)
    regular = [base + ending for base in _STEMS for ending in _ENDINGS]
    rng.shuffle(regular)
    return _OTHERS[:10] + regular[:60] + _OTHERS[10:] + regular[60:]


_WORDS = _vocabulary()
_WEIGHTS = [1 / rank for rank in range(1, len(_WORDS) + 1)]  # Zipf


def random_text(rng: random.Random, most: int) -> str:
    """Up to `most` words with the frequencies of a language, some punctuation and capitals."""
    found = rng.choices(_WORDS, _WEIGHTS, k=rng.randrange(most + 1))
    return "".join(
        (word.upper() if rng.random() < 0.1 else word)
        + rng.choices((" ", ", ", ". ", "\n", " - ", "/"), (30, 3, 3, 1, 1, 1))[0]
        for word in found
    )


def random_documents(seed: int, n: int) -> list[Document]:
    """Documents 1 to n, the same for the same seed; every tenth of unknown time, some without any words."""
    rng = random.Random(seed)
    return [_document(rng, number) for number in range(1, n + 1)]


def _document(rng: random.Random, number: int) -> Document:
    one = {name: rng.choice(values) for name, values in _CHOICES.items()}
    some = {name: tuple(rng.sample(values, rng.randrange(len(values)))) for name, values in _CHOICES.items()}
    thread = rng.choice([None, *range(1, 20)])
    files = tuple(
        (rng.choice(("variance_map-2.pdf", "IMG_0001.jpg", "notes.txt")), rng.choice((None, random_text(rng, 30))))
        for _ in range(rng.choice((0, 0, 0, 1, 2)))
    )
    sent_at = None if rng.random() < 0.1 else NOW_MS - rng.randrange(800) * _DAY - rng.choice((0, 1, _DAY // 2))
    return Document(
        record_id=number,
        version=1,
        sent_at=sent_at,
        offset_min=rng.choice((None, -300, -360)),
        captured_at=NOW_MS,
        source_id=1 + _CHOICES[FieldName.SOURCE].index(one[FieldName.SOURCE]),
        source=one[FieldName.SOURCE],
        account=one[FieldName.ACCOUNT],
        device=one[FieldName.DEVICE],
        custodian=one[FieldName.CUSTODIAN],
        platform=one[FieldName.PLATFORM],
        kind=one[FieldName.KIND],
        series=one[FieldName.SERIES],
        data_class=one[FieldName.CLASS],
        thread_id=thread,
        thread_title="" if thread is None else random_text(rng, 5),
        author=tuple(rng.sample(_NAMES, rng.randrange(3))),
        recipients=tuple(rng.sample(_NAMES, rng.randrange(4))),
        title=random_text(rng, 6) if rng.random() < 0.3 else "",
        text=random_text(rng, rng.choice((0, 5, 20, 60))),
        files=files,
        labels=some[FieldName.LABEL],
        states=some[FieldName.IS],
        contents=some[FieldName.HAS],
    )


def _tokens_somewhere(rng: random.Random, documents: list[Document], zone: Zone) -> list[str]:
    """The tokens of a segment that some document has in a zone."""
    for _ in range(50):
        segments = [found for found in map(words, rng.choice(documents).segments(zone)) if found]
        if segments:
            return rng.choice(segments)
    return ["nothing"]


def _random_word(rng: random.Random, token: str, zone: Zone) -> Word:
    kind = rng.random()
    if kind < 0.15 and len(token) > 3:
        cut = rng.randrange(2, len(token))
        return Wildcard(rng.choice((token[:cut] + "*", "*" + token[-cut:], token[:cut] + "?" + token[cut + 1 :])), zone)
    if kind < 0.25 and len(token) > 3:
        at = rng.randrange(len(token))
        return Fuzzy(token[:at] + rng.choice(("", "e", token[at] + "x")) + token[at + 1 :], rng.choice((1, 2)), zone)
    return Term(token, rng.random() < 0.6, zone)


def _random_operand(rng: random.Random, documents: list[Document], zone: Zone) -> Word | Phrase:
    tokens = _tokens_somewhere(rng, documents, zone)
    length = rng.choice((1, 1, 1, 2, 2, 3))
    start = rng.randrange(max(1, len(tokens) - length + 1))
    found = tuple(_random_word(rng, token, zone) for token in tokens[start : start + length])
    return found[0] if len(found) == 1 and rng.random() < 0.9 else Phrase(found)


def _random_near(rng: random.Random, documents: list[Document], zone: Zone) -> Near:
    """Two operands, often from one segment, so that they do stand near each other."""
    left = tuple(_random_operand(rng, documents, zone) for _ in range(rng.choice((1, 1, 2))))
    right = tuple(_random_operand(rng, documents, zone) for _ in range(rng.choice((1, 1, 3))))
    if rng.random() < 0.5:
        tokens = _tokens_somewhere(rng, documents, zone)
        left = (_random_word(rng, rng.choice(tokens), zone),)
        right = (_random_word(rng, rng.choice(tokens), zone), *right[1:])
    return Near(left, right, rng.choice((1, 2, 3, 5, 10, 40)), rng.random() < 0.5)


def _random_leaf(rng: random.Random, documents: list[Document]) -> Node:
    zone = rng.choices(list(Zone), (8, 1, 1, 1))[0]
    kind = rng.randrange(20)
    since, until = sorted(NOW_MS - rng.randrange(800) * _DAY for _ in range(2))
    rare: dict[int, Node] = {
        0: Everything(),
        1: Undated(),
        2: Sent(since, until),
        3: Sent(since, None),
        4: Sent(None, until),
        5: ThreadIs(rng.randrange(1, 25)),
        6: RecordIs(tuple(rng.sample(range(1, len(documents) + 10), 3))),
        7: _random_field(rng),
        8: _random_field(rng),
    }
    if kind in rare:
        return rare[kind]
    if kind < 13:
        return _random_near(rng, documents, zone)
    return _random_operand(rng, documents, zone)


def _random_field(rng: random.Random) -> Field:
    name = rng.choice(list(_CHOICES))
    values = [value.casefold() for value in _CHOICES[name] if value]
    return Field(name, tuple(rng.sample([*values, "nothing"], rng.choice((1, 1, 2)))))


def random_query(rng: random.Random, documents: list[Document], depth: int = 3) -> Node:
    """A question of every kind of node over words that the documents have."""
    kind = rng.random()
    if depth == 0 or kind < 0.4:
        return _random_leaf(rng, documents)
    if kind < 0.55:
        return Not(random_query(rng, documents, depth - 1))
    parts = tuple(random_query(rng, documents, depth - 1) for _ in range(rng.choice((2, 2, 3))))
    return And(parts) if kind < 0.8 else Or(parts)


def random_query_text(rng: random.Random, documents: list[Document], depth: int = 3) -> str:
    """A question as a clerk would write it, always well formed."""
    kind = rng.random()
    if depth == 0 or kind < 0.45:
        return _leaf_text(rng, documents)
    inner = [random_query_text(rng, documents, depth - 1) for _ in range(rng.choice((2, 2, 3)))]
    if kind < 0.55:
        return f"{rng.choice(('NOT ', 'not ', '-'))}({inner[0]})"
    return f"({rng.choice((' ', ' AND ', ' and ', ' OR ', ' or ')).join(inner)})"


def _leaf_text(rng: random.Random, documents: list[Document]) -> str:
    zone = rng.choices(list(Zone), (8, 1, 1, 1))[0]
    field = {
        Zone.TEXT: rng.choice(("", "", "exact:")),
        Zone.AUTHOR: "from:",
        Zone.RECIPIENTS: "to:",
        Zone.THREAD: "thread:",
    }
    tokens = _tokens_somewhere(rng, documents, zone)
    token, other = rng.choice(tokens), rng.choice(tokens)
    start = rng.randrange(len(tokens))
    name = rng.choice(list(_CHOICES))
    value = rng.choice([value for value in _CHOICES[name] if value])
    day = f"2026-0{rng.randrange(1, 5)}-{rng.randrange(10, 29)}"
    letters = token.isalpha() and token.isascii() and len(token) > 3
    options = [
        f'{field[zone]}"{token}"',
        f'{field[zone]}"{" ".join(tokens[start : start + 3])}"',
        f'{field[zone]}("{token}" {rng.choice(("W", "NEAR"))}/{rng.randrange(1, 9)} "{other}")',
        f'("{token}" OR "{other}") NEAR/3 "{other}"',
        f"{name}:{rng.choice(('“', chr(34)))}{value}{rng.choice(('”', chr(34)))}",
        f"{rng.choice(('after', 'before', 'on', 'date'))}:{day[: rng.choice((4, 7, 10))]}",
        rng.choice(('on:"last week"', "after:yesterday", "is:undated", "id:R3", "thread:7", f"date:2025-11..{day}")),
    ]
    if letters:
        options += [f"{field[zone]}{token[:3]}*", f"{token}~1", f"{token[0]}?{token[2:]}"]
    return rng.choice(options)
