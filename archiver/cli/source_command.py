"""`archiver source`: what connectors read."""

from pathlib import Path
from typing import Annotated

import typer

from archiver.cli import output
from archiver.cli.opened import JSON, actor_of, opened
from archiver.cli.words import chosen
from archiver.errors import UsageError

app = typer.Typer(help="What connectors read.", no_args_is_help=True)


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A short name for the source.")],
    connector: Annotated[str, typer.Argument(help="The connector that reads it (`source connectors` lists them).")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of the connector.")
    ] = None,
    account: Annotated[str | None, typer.Option(help="The account that is read.")] = None,
    device: Annotated[str | None, typer.Option(help="The device that is read.")] = None,
    declaration: Annotated[
        int | None, typer.Option(help="The declaration that allows it (else: the city's own).")
    ] = None,
    data_class: Annotated[
        str, typer.Option("--class", help="Data class of records without a determination.")
    ] = "unclassified",
    json: Annotated[bool, JSON] = False,
) -> None:
    """Add a source: the city's own unless a declaration is named."""
    from archiver.sources.registry import add_source
    from schema.vocab import DataClass

    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            new = add_source(
                archive,
                session,
                actor,
                name=name,
                connector=connector,
                settings=dict(_pair(one) for one in settings or ()),
                account_name=account,
                device_name=device,
                declaration_id=declaration,
                data_class=chosen(DataClass, data_class, "--class"),
            )
    if json:
        output.as_json("source/1", {"id": new, "name": name, "connector": connector})
    else:
        output.data(
            f"Added source {name}. Test it with `archiver source test {name}`, read it with `archiver collect {name}`."
        )


def _pair(written: str) -> tuple[str, str]:
    key, sign, value = written.partition("=")
    if not sign:
        raise UsageError(problem=f"--set takes KEY=VALUE; got {written}")
    if key == "path":  # the scheduler runs from elsewhere
        value = str(Path(value).expanduser().absolute())
    return key, value


@app.command("list")
def list_(context: typer.Context, json: Annotated[bool, JSON] = False) -> None:
    """List the sources with their last run."""
    from archiver.clock import iso
    from archiver.collect.captures import last_success
    from archiver.sources.registry import list_sources

    with opened(context) as archive, archive.reading() as session:
        rows = [
            {
                "name": one.name,
                "connector": one.connector,
                "account": one.account,
                "device": one.device,
                "declaration": one.declaration_id,
                "last_success": iso(last_success(session, one.id)),
            }
            for one in list_sources(session)
        ]
    if json:
        output.as_json("sources/1", {"sources": rows})
    else:
        output.table(
            ("source", "connector", "reads", "last success"),
            [(r["name"], r["connector"], r["account"] or r["device"], r["last_success"]) for r in rows],
        )


@app.command()
def show(context: typer.Context, name: str, json: Annotated[bool, JSON] = False) -> None:
    """Show a source with its settings; secrets are not shown."""
    from archiver.sources.registry import find_source

    with opened(context) as archive, archive.reading() as session:
        found = find_source(session, name)
    fields = {
        "id": found.id,
        "name": found.name,
        "connector": found.connector,
        "platform": found.platform,
        "account": found.account,
        "device": found.device,
        "custodian": found.custodian,
        "declaration": found.declaration_id,
        "class": found.data_class,
        "settings": dict(found.settings),
        "active": found.active,
    }
    if json:
        output.as_json("source/1", fields)
    else:
        output.table(("", ""), list(fields.items()))


@app.command("test")
def try_(context: typer.Context, name: str, json: Annotated[bool, JSON] = False) -> None:
    """Try a source's settings without collecting."""
    from archiver.pipeline.run import check_source
    from archiver.sources.registry import find_source
    from connectors.errors import ConnectorError

    with opened(context) as archive:
        with archive.reading() as session:
            found = find_source(session, name)
        try:
            findings = check_source(archive, found)
        except ConnectorError as error:
            output.failure("source_failed", str(error), error.action, error.where, as_json=json)
            raise typer.Exit(1) from None
    if json:
        output.as_json("source-test/1", {"outcome": "ok", "findings": findings})
    else:
        for line in findings or ["It answers."]:
            output.data(line)


@app.command()
def remove(
    context: typer.Context,
    name: str,
    reason: Annotated[str, typer.Option(help="Why it is no longer collected.")],
    json: Annotated[bool, JSON] = False,
) -> None:
    """Stop collecting a source; its records stay."""
    from archiver.sources.registry import remove_source

    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            remove_source(archive, session, actor, name, reason)
    if json:
        output.as_json("source/1", {"name": name, "active": False})
    else:
        output.data(f"{name} is no longer collected; its records stay.")


@app.command()
def connectors(json: Annotated[bool, JSON] = False) -> None:
    """List the connectors: what each sees, cannot see, and its settings."""
    from connectors import registry

    infos = list(registry.infos())
    if json:
        rows = [
            {
                "name": one.name,
                "title": one.title,
                "sees": one.sees,
                "cannot_see": one.cannot_see,
                "settings": [
                    {"name": f.name, "help": f.help, "required": f.required, "secret": f.secret, "default": f.default}
                    for f in one.config
                ],
            }
            for one in infos
        ]
        output.as_json("connectors/1", {"connectors": rows})
        return
    for one in infos:
        output.data(f"{one.name}: {one.title}")
        output.data(f"  sees: {'; '.join(one.sees)}")
        output.data(f"  cannot see: {'; '.join(one.cannot_see)}")
        for field in one.config:
            marks = " (required)" if field.required else " (secret)" if field.secret else ""
            output.data(f"  --set {field.name}=…{marks}  {field.help}")
