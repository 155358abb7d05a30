"""Errors of the archive: the docstring is the message, the hint is what to do now, the code is for scripts."""

from typing import ClassVar


class ArchiverError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1
    hint: ClassVar[str] = "Run the command again; if it stays, run `archiver doctor`."

    def __init__(self, *, where: str | None = None, **values: object) -> None:
        """values: fill the braces of docstring and hint.  where: file, line or position."""
        self.where = where
        self.values = values
        super().__init__((type(self).__doc__ or "").format(**values).strip())

    @property
    def advice(self) -> str:
        """What the person should do now."""
        return self.hint.format(**self.values)


LISTS = {
    "active source": "`archiver source list`",
    "source": "`archiver source list`",
    "series": "`archiver schedule show EDITION`",
    "schedule edition": "`archiver schedule list`",
    "adopted schedule": "`archiver schedule list`",
    "record": "`archiver search QUERY --ids`",
    "hold": "`archiver hold list --all`",
    "disposition": "`archiver dispose list --all`",
    "certificate": "`archiver dispose list --all`",
    "custodian": "`archiver custodian list`",
    "department with a source": "`archiver custodian list`",
    "person": "`archiver person list`",
    "body": "`archiver body list`",
    "declaration": "`archiver declaration list`",
    "request": "`archiver request list --closed`",
    "job run": "`archiver jobs list`",
    "audit event": "`archiver audit log`",
    "finished backup at": "`archiver backup --list`",
}
"""What is not found -> the command that lists what there is."""


class UsageError(ArchiverError):
    """{problem}"""

    code, exit_code, hint = "usage", 2, "See `archiver COMMAND --help`."


class NotFound(ArchiverError):
    """There is no {noun} {name}."""

    code, exit_code, hint = "not_found", 2, "List what there is with the command's `list`."

    @property
    def advice(self) -> str:
        """The command that lists what there is of that kind."""
        listed = LISTS.get(str(self.values.get("noun")))
        return f"{listed} lists what there is." if listed else self.hint


class AlreadyExists(ArchiverError):
    """There is already a {noun} named {name}."""

    code, exit_code, hint = "already_exists", 2, "Choose another name."


class AlreadyAdopted(AlreadyExists):
    """The city has adopted {name} already."""

    hint = (
        "Nothing was changed. `archiver schedule amend` changes a series of it; "
        "`archiver schedule supersede` puts another edition in its place."
    )


class Refused(ArchiverError):
    """Refused: {reason}"""

    code, exit_code, hint = "refused", 4, "{action}"

    def __init__(self, *, reason: str, action: str, where: str | None = None) -> None:
        """reason: why, one line.  action: what the person should do now."""
        super().__init__(where=where, reason=reason, action=action)


class VerificationFailed(ArchiverError):
    """Verification failed: {problem}"""

    code, exit_code, hint = (
        "verification_failed",
        5,
        "Keep the archive as it is and tell the records officer and the city attorney.",
    )


class NoArchive(ArchiverError):
    """There is no archive at {folder} or above it."""

    code, exit_code, hint = (
        "no_archive",
        10,
        "Name it with --archive DIR or ARCHIVER_ARCHIVE, or make one with `archiver init DIR`.",
    )


class WrongVersion(ArchiverError):
    """This archive has schema {found}; this program needs {needed}."""

    code, exit_code, hint = (
        "wrong_version",
        10,
        "Run `archiver upgrade` (it makes a backup first), or install the matching program.",
    )


class Locked(ArchiverError):
    """The archive is locked by another process ({holder})."""

    code, exit_code, hint = "locked", 11, "Wait until it has finished and run the command again."


class WrongKey(ArchiverError):
    """The key does not open this archive."""

    code, exit_code, hint = (
        "wrong_key",
        12,
        "Point `[keys] master` in config.toml (or ARCHIVER__KEYS__MASTER) to the key file that `archiver init` made.",
    )


class KeyMissing(WrongKey):
    """The master key {reference} cannot be read: {reason}."""


class ConfigError(ArchiverError):
    """config.toml: {problem}"""

    code, exit_code, hint = "config", 2, "Correct the line named above; `archiver config check` tests it."


class DecisionsError(ConfigError):
    """{problem}"""

    hint = "Correct it there; `archiver config decide FILE --dry-run` tests it, `--show` prints the decisions in force."


class TestClockRefused(ArchiverError):
    """{variable} is set, but this archive was not made with `archiver init --for-tests`."""

    __test__ = False  # pytest would take the name for a test class
    code, exit_code, hint = "test_clock", 4, "Unset {variable}: a real archive keeps real time."


class DiskTrouble(ArchiverError):
    """The disk refused to keep data: {reason}."""

    code, exit_code, hint = (
        "disk",
        1,
        "Free space on the archive's disk, or have it examined where there is enough; "
        "the next run goes on where this one stopped, nothing is lost.",
    )


class FileTrouble(ArchiverError):
    """A file or folder cannot be used: {reason}."""

    code, exit_code, hint = (
        "file",
        1,
        "Check that its folder exists and that you may read and write there, then run the command again.",
    )
