"""`archiver person`: who acts, with roles and passwords."""

from typing import Annotated

import typer

from archiver.cli import output
from archiver.cli.opened import JSON, actor_of, opened
from schema.vocab import Role

app = typer.Typer(help="Persons who act, with roles and passwords.", no_args_is_help=True, add_completion=False)


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The person's name, as the audit log shows it.")],
    login: Annotated[str, typer.Option(help="A login of the archive's own.")],
    os_login: Annotated[
        str | None, typer.Option(help="The operating system's login; who has it acts as this person.")
    ] = None,
    email: Annotated[str | None, typer.Option(help="Where notices go.")] = None,
    roles: Annotated[list[Role] | None, typer.Option("--role", help="A role; repeat for several.")] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Add a person."""
    from archiver.sources.persons import add_person

    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            new = add_person(
                archive,
                session,
                actor,
                name=name,
                login=login,
                os_login=os_login,
                email=email,
                roles=tuple(roles or ()),
            )
    if json:
        output.as_json("person/1", {"id": new, "login": login, "name": name, "roles": sorted(roles or ())})
    else:
        output.data(f"Added {name}. To approve something, a password is needed: `archiver person passwd {login}`.")


@app.command("list")
def list_(context: typer.Context, json: Annotated[bool, JSON] = False) -> None:
    """List everyone with their roles."""
    from archiver.sources.persons import list_persons

    with opened(context) as archive, archive.reading() as session:
        rows = list_persons(session)
    if json:
        output.as_json("persons/1", {"persons": rows})
    else:
        cells = [(row["login"], row["name"], row["os_login"], row["email"], row["roles"]) for row in rows]
        output.table(("login", "name", "OS login", "email", "roles"), cells)


@app.command()
def role(
    context: typer.Context,
    login: Annotated[str, typer.Argument(help="Whose role.")],
    role: Annotated[Role, typer.Argument(help="Which role.")],
    end: Annotated[bool, typer.Option("--end", help="Take the role away instead of giving it.")] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Give a person a role, or take it away."""
    from archiver.sources.persons import end_role, grant_role, list_persons

    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.unit() as session:
            (end_role if end else grant_role)(archive, session, actor, login, role)
            held = next(row["roles"] for row in list_persons(session) if row["login"] == login)
    if json:
        output.as_json("person/1", {"login": login, "roles": held})
    else:
        output.data(f"{login} now has the roles: {', '.join(held) or 'none'}.")


@app.command()
def passwd(
    context: typer.Context,
    login: Annotated[str, typer.Argument(help="Whose password: one's own, or anyone's by an administrator.")],
    password_fd: Annotated[int | None, typer.Option(metavar="N", help="Read it from this file descriptor.")] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Set a password; it is asked for twice and never given as an argument."""
    from archiver.cli.passwords import new_password
    from archiver.sources.persons import person_id, set_password

    with opened(context) as archive:
        actor = actor_of(archive)
        with archive.reading() as session:
            person_id(session, login)
        password = new_password(password_fd, login)
        with archive.unit() as session:
            set_password(archive, session, actor, login, password)
    if json:
        output.as_json("person/1", {"login": login, "password": "set"})
    else:
        output.data(f"The password of {login} is set.")
