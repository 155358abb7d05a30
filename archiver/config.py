"""config.toml: this machine only (addresses, key reference, ports, job times); city decisions are in the database."""

import os
import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from archiver.errors import ConfigError, KeyMissing

PREFIX = "ARCHIVER__"
KINDS = ("env", "file", "keyring")
"""How a secret is referred to."""


class Section(BaseModel):
    """A section of config.toml; unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ArchiveSection(Section):
    """Where the facts, the sealed objects and the index lie."""

    database: str = Field(
        default="sqlite:///archive.db", description="SQLAlchemy URL of the facts; relative paths start at the archive"
    )
    objects: str = Field(default="objects", description="folder of sealed objects larger than 64 KiB")
    index: str = Field(default="index", description="folder of the search index; on an encrypted disk")


class KeysSection(Section):
    """Where the master key is."""

    master: str = Field(default="file:keys/master.key", description="file:PATH, env:NAME or keyring:SERVICE/NAME")


class CollectSection(Section):
    """How sources are read."""

    timeout: int = Field(default=60, ge=1, le=3600, description="seconds that a source may take to answer")
    max_response: int = Field(default=256, ge=1, description="MiB of one HTTP answer at most")
    workers: int = Field(default=2, ge=1, le=64, description="processes that read text out of attachments")
    ocr: bool = Field(
        default=False, description="also read pictures and scans collected from now on with tesseract; slow"
    )


class ProduceSection(Section):
    """How productions are written."""

    fonts: str = Field(default="", description="folder of further fonts, for scripts that the shipped fonts lack")


class JobsSection(Section):
    """When jobs run, in the city's time zone (HH:MM)."""

    nightly: str = Field(default="01:30", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="collection and report")
    verify: str = Field(
        default="04:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="fixity check and audit log, on Sundays"
    )


class Config(Section):
    """All of config.toml."""

    archive: ArchiveSection = ArchiveSection()
    keys: KeysSection = KeysSection()
    collect: CollectSection = CollectSection()
    produce: ProduceSection = ProduceSection()
    jobs: JobsSection = JobsSection()


def load(path: Path) -> Config:
    """Read config.toml and the ARCHIVER__SECTION__KEY environment.

    Raises ConfigError naming the line and key of the first mistake.
    """
    text = ""
    if path.exists():
        try:
            text = path.read_text("utf-8")
            data = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(problem=str(error), where=str(path)) from None
    else:
        data = {}
    for name, value in os.environ.items():
        if name.startswith(PREFIX) and name.count("__") == 2:
            _, section, key = name.split("__")
            data.setdefault(section.lower(), {})[key.lower()] = value
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise _explained(error, text, path) from None


def references(config: Config) -> dict[str, str]:
    """Every secret that config.toml refers to, by section.key."""
    found = {}
    for section, values in config.model_dump().items():
        for key, value in values.items():
            if isinstance(value, str) and value.partition(":")[0] in KINDS and ":" in value:
                found[f"{section}.{key}"] = value
    return found


def place_of(path: Path, name: str) -> str:
    """Where a key (section.key) is said: file and line, or the environment, or our default."""
    section, _, key = name.partition(".")
    if f"{PREFIX}{section}__{key}".upper() in os.environ:
        return f"{PREFIX}{section}__{key}".upper()
    line = _line_of([section, key], path.read_text("utf-8")) if path.exists() else None
    return f"{path}:{line}" if line else "default"


def _explained(error: ValidationError, text: str, path: Path) -> ConfigError:
    first = error.errors()[0]
    keys = [str(part) for part in first["loc"]]
    line = _line_of(keys, text)
    known = ""
    if first["type"] == "extra_forbidden":
        known = f"; known here: {', '.join(_known(keys[:-1]))}"
    place = f"{path}:{line}" if line else "environment or default"
    return ConfigError(problem=f"{'.'.join(keys)}: {first['msg']}{known}", where=place)


def _known(section: list[str]) -> list[str]:
    model: Any = Config
    for key in section:
        model = model.model_fields[key].annotation
    return sorted(model.model_fields)


def _line_of(keys: list[str], text: str) -> int | None:
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if found := re.match(r"\s*\[\s*([\w.-]+)\s*\]", line):
            section = found.group(1)
            if keys == [section]:
                return number
        elif re.match(rf"\s*{re.escape(keys[-1])}\s*=", line) and section == ".".join(keys[:-1]):
            return number
    return None


def secret(reference: str, folder: Path) -> bytes:
    """Bytes behind a reference: `env:NAME`, `file:PATH` (relative to the archive) or `keyring:SERVICE/NAME`."""
    kind, _, rest = reference.partition(":")
    if kind == "env":
        if rest not in os.environ:
            raise KeyMissing(reference=reference, reason="the variable is not set")
        return os.environ[rest].encode()
    if kind == "file":
        try:
            return (folder / rest).read_bytes()
        except OSError as error:
            raise KeyMissing(reference=reference, reason=error.strerror or str(error)) from None
    if kind == "keyring":
        import keyring

        service, _, name = rest.partition("/")
        value = keyring.get_password(service, name)
        if value is None:
            raise KeyMissing(reference=reference, reason="the keyring has no such entry")
        return value.encode()
    raise KeyMissing(reference=reference, reason="a reference begins with env:, file: or keyring:")
