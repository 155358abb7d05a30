"""The entry point: finds the command, opens nothing itself, turns errors into one line and an exit code."""

import re
import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from archiver.cli import output
from archiver.errors import ArchiverError

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("init", "Make an archive."),
    "doctor": ("doctor", "Examine the archive and this machine."),
    "demo": ("demo", "Make a sample city and run the whole path through it."),
    "config": ("config", "Check config.toml."),
    "upgrade": ("upgrade", "Bring an older archive up to this program."),
    "person": ("person", "Persons who act, with roles and passwords."),
    "custodian": ("custodian", "Employees, elected officials and contractors who hold data."),
    "body": ("body", "Councils and boards, with the terms of their members."),
    "account": ("account", "Accounts on platforms: city, personal or merged."),
    "device": ("device", "Phones, computers, drives and cameras."),
    "declaration": ("declaration", "Personal accounts and devices declared for city business."),
    "source": ("source", "What connectors read."),
    "collect": ("collect", "Read sources into the archive."),
    "record": ("record", "Show a record."),
    "search": ("search", "Find records, with an exact count and what it covers."),
    "index": ("index", "The search index: status, rebuild, choice of engine."),
    "schedule": ("schedule", "Retention schedules and classification rules."),
    "tag": ("tag", "The series of a record, and why."),
    "event": ("event", "Events that start retention periods."),
    "hold": ("hold", "Orders that suspend disposition."),
    "dispose": ("dispose", "Due records: propose, answer, approve, destroy or transfer, certify."),
    "request": ("request", "Data requests."),
    "produce": ("produce", "Build and verify productions."),
    "audit": ("audit", "The audit log: who did what to which object, when, with what outcome."),
    "verify": ("verify", "Check records, keys, objects, holds and log."),
    "key": ("key", "The master key."),
    "nightly": ("nightly", "Collect every source, index, check a part, sign the log, and report"),
    "scheduler": ("scheduler", "Run the jobs of config.toml at their times."),
    "backup": ("backup", "Back up facts, objects and wrapped keys while the archive is in use."),
    "restore": ("restore", "Make a new archive from a backup, and confirm it."),
    "jobs": ("jobs", "List and cancel jobs."),
}
"""Command -> module in archiver.cli, and the line that `archiver --help` shows (no module is imported for it)."""


def _plainer(command: Any) -> None:
    """Let every help be set as the first one is: plain text, without options about the shell."""
    command.rich_markup_mode = None
    for one in getattr(command, "commands", {}).values():
        _plainer(one)
        one.short_help = one.short_help or " ".join((one.help or "").split("\n\n")[0].split())
    for one in command.params:
        if "datetime" in str(getattr(getattr(one, "type_descriptor", None), "annotation", "")):
            one.metavar = "YYYY-MM-DD"
    command.params = [one for one in command.params if one.name not in ("install_completion", "show_completion")]


class LazyGroup(TyperGroup):
    """Imports a command's module only when it is called, so that `--help` and searches start quickly."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Every command in the order of the contract."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"archiver.cli.{COMMANDS[cmd_name][0]}_command")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        _plainer(command)
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_module, text) in COMMANDS.items()])


app = typer.Typer(
    cls=LazyGroup,
    help="The open archive of a city's official content.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def options(
    context: typer.Context,
    archive: str = typer.Option(
        None, "--archive", metavar="DIR", help="The archive's folder (else ARCHIVER_ARCHIVE, else upwards from here)."
    ),
) -> None:
    """The open archive of a city's official content."""
    context.obj = archive


def run() -> None:
    """Run the command line and exit with the code of its outcome."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code (design section 9)."""
    as_json = "--json" in arguments
    try:
        code = app(arguments, standalone_mode=False)
    except ArchiverError as error:
        advice = error.advice.replace("archiver COMMAND", f"archiver {_called(arguments)}")
        output.failure(error.code, str(error), advice, error.where, as_json=as_json)
        return error.exit_code
    except KeyboardInterrupt:
        output.failure(
            "interrupted", "Interrupted.", "Run it again: it goes on where it stopped.", None, as_json=as_json
        )
        return 130
    except BrokenPipeError:
        return 0
    except Exception as error:
        if (shown := getattr(error, "format_message", None)) is not None:
            hint = f"See `archiver {_called(arguments)} --help`."
            output.failure("usage", _in_words(str(shown())), hint, None, as_json=as_json)
            return 2
        known = output.known_trouble(error)
        if known is None:
            raise
        output.failure(known.code, str(known), known.advice, known.where, as_json=as_json)
        return known.exit_code
    return code if isinstance(code, int) else 0


def _called(arguments: list[str]) -> str:
    """The command that was called, as its `--help` is asked for; COMMAND where it is none."""
    words = [one for at, one in enumerate(arguments) if one[:1] != "-" and arguments[at - 1 : at] != ["--archive"]]
    if not words or words[0] not in COMMANDS:
        return "COMMAND"
    command = LazyGroup().get_command(None, words[0])
    return " ".join(words[:2] if words[1:] and words[1] in getattr(command, "commands", {}) else words[:1])


def _in_words(problem: str) -> str:
    """A parser's message without its own terms."""
    problem = problem.replace("Value error, ", "").replace(
        "Input should be a valid integer, unable to parse string as an integer", "no whole number"
    )
    return re.sub(r"(\S+) does not match the formats '%Y-%m-%d'", r"\1 is no day written like 2026-03-01", problem)
