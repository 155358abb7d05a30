"""What can be wrong with a question; every error names the place and what to write instead."""

from archiver.errors import ArchiverError

_WRITTEN = ("text", "value", "name", "operator")


def _one_line(value: object) -> str:
    """What a person wrote, fit for a message of one line."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in str(value)).split())
    return line if len(line) <= 60 else f"{line[:60]}…"


class QueryError(ArchiverError):
    """The question cannot be understood."""

    code, exit_code, hint = "query", 2, "See docs/search.md for what can be asked and how."

    def __init__(self, *, position: int, length: int = 1, **values: object) -> None:
        """position, length: the characters of the question that are meant, counted from 0."""
        self.position = position
        self.length = length
        shown = {name: _one_line(value) if name in _WRITTEN else value for name, value in values.items()}
        super().__init__(where=f"character {position + 1}", **shown)


class UnknownField(QueryError):
    """There is no field “{name}:”."""

    code = "query_unknown_field"
    hint = '{suggestion}Fields are {known}. To search for the text itself, put it in quotes: "{name}: ..."'


class UnknownValue(QueryError):
    """“{value}” is not a value of {field}:."""

    code, hint = "query_unknown_value", "{suggestion}Known values of {field}: are {known}."


class MissingValue(QueryError):
    """{field}: has no value."""

    code, hint = (
        "query_missing_value",
        "Write the value directly after the colon, in quotes if it has spaces: {field}:{example}",
    )


class BadValue(QueryError):
    """{field}: cannot take “{value}”."""

    code, hint = "query_bad_value", "{instead}"


class NestedField(QueryError):
    """The field “{name}:” stands inside the parentheses of another field."""

    code, hint = "query_nested_field", "Close the parenthesis before {name}: and write AND between the two."


class OpenQuote(QueryError):
    """A quotation mark is never closed."""

    code, hint = "query_open_quote", "Close the phrase with another quotation mark, or leave this one out."


class OpenParenthesis(QueryError):
    """A parenthesis is never closed."""

    code, hint = "query_open_parenthesis", "Add the closing parenthesis, or leave this one out."


class StrayParenthesis(QueryError):
    """A closing parenthesis has no opening one."""

    code, hint = (
        "query_stray_parenthesis",
        "Leave it out, or add the opening parenthesis before the words that belong together.",
    )


class NothingThere(QueryError):
    """“{operator}” has nothing {side} it."""

    code = "query_nothing_there"
    hint = 'Write what {operator} shall combine, or put it in quotes to search for the word: "{operator}"'


class NoWords(QueryError):
    """“{text}” has no letter, digit or emoji to search for."""

    code, hint = "query_no_words", "Leave it out; punctuation is not searched."


class BadDistance(QueryError):
    """“{text}” does not say within how many words."""

    code = "query_bad_distance"
    hint = 'Write 1 to {most}, as in W/5 (in this order) or NEAR/5 (either order); for the text itself: "{text}"'


class BadNear(QueryError):
    """“{operator}” can only stand between words, phrases and parentheses of words joined with OR; {problem}."""

    code, hint = "query_bad_near", "Write for example: (variance OR permit) W/5 hearing; join everything else with AND."


class BadWildcard(QueryError):
    """“{text}” has fewer than two letters or digits beside its * and ?."""

    code, hint = (
        "query_bad_wildcard",
        "Write at least two letters of the word, as in va*; leave the search empty to see everything.",
    )


class BadFuzzy(QueryError):
    """“{text}” is not a word followed by ~1 or ~2."""

    code = "query_bad_fuzzy"
    hint = "Write one word of at least three letters and ~1 (one letter may differ), or at least four letters and ~2."


class BadDash(QueryError):
    """A long dash stands directly before “{text}”."""

    code, hint = "query_bad_dash", "To leave records out, write NOT or a plain hyphen; otherwise leave the dash out."


class BadDate(QueryError):
    """“{text}” is not a date."""

    code = "query_bad_date"
    hint = (
        "{suggestion}Write 2026-01-05, 2026-01 or 2026, or one of: today, yesterday, this week, last week, this month, "
        'last month, this year, last year, "3 days ago" (in quotes where there is a space).'
    )


class AmbiguousDate(BadDate):
    """“{text}” is not written year-month-day and could mean another day."""

    code, hint = "query_ambiguous_date", "Write year-month-day: {suggestion}."


class BackwardRange(BadDate):
    """The range “{text}” ends before it starts."""

    code, hint = "query_backward_range", "Write the earlier date first, as in date:2026-01-05..2026-02-01."


class TooLarge(QueryError):
    """The question has more than {most} {what}."""

    code, hint = "query_too_large", "Ask in several questions, or save parts of it as searches of their own."
