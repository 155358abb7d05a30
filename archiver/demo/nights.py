"""The first half of the story: an archive, its sources, declarations, a schedule, two nights of collecting."""

from pathlib import Path

from archiver.demo.city import DOMAIN, JURISDICTION, NAME, ZONE, people
from archiver.demo.letters import change_mail, write_mail
from archiver.demo.online import TOKEN, Online
from archiver.demo.phones import write_phone
from archiver.demo.stage import PASSWORD, Stage

APPROVER = "priya"
EDITION = "mn-cities-2021-03"


def make_city(stage: Stage) -> None:
    """Make the archive, and the second person without whom nothing personal is collected."""
    tell = stage.tell
    tell.step(
        "An archive for a city",
        f"{NAME}, Minnesota, is invented, with everyone in it. The key lies apart from the archive.",
    )
    key = str(stage.folder / "keys" / "master.key")
    tell.run(f"init --jurisdiction {JURISDICTION} --timezone {ZONE} --name", NAME, "--key", key, str(tell.archive))
    tell.run(f"person add --login {APPROVER} --role administrator", people()[APPROVER].name)
    tell.run(f"person passwd {APPROVER}", secret=PASSWORD)
    for one, kind in (("ingrid", "elected"), ("harlan", "elected"), ("teddy", "employee"), ("wendell", "employee")):
        tell.run(f"custodian add --kind {kind}", people()[one].name, silent=True)
    tell.say("Four people hold government data: two council members, the public works director, an inspector.")


def add_sources(stage: Stage, site: Online) -> None:
    """Write the city's own content outside the archive, and tell the archive where it is."""
    tell = stage.tell
    mails = write_mail(stage.outside / "mail", stage.calendar)
    for phone in ("inspector", "council", "ward1"):
        write_phone(stage.outside / phone, phone, stage.calendar)
    tell.step(
        "The city's own sources", f"{mails} mails, a city phone, the website's feed, the city's Mastodon account."
    )
    staff = ",".join(one.mail for one in people().values() if one.mail.endswith(f"@{DOMAIN}"))
    path = stage.outside / "mail"
    tell.run("source add mail mail_files --set", f"path={path}", "--set", f"address={staff}", silent=True)
    tell.run("source add website feed --set", f"url={site.base}/news.xml")
    tell.run("account add --platform mastodon --ownership city", "City on Mastodon", silent=True)
    _mastodon(stage, "mastodon", "lakewoodfalls", site, "--account", "City on Mastodon")
    wendell = people()["wendell"]
    tell.run("device add --kind phone --ownership city", "Inspector's phone", "--custodian", wendell.name, silent=True)
    _phone(stage, "inspector-phone", "inspector", "wendell", "--device", "Inspector's phone")
    tell.run("source list")


def _mastodon(stage: Stage, name: str, account: str, site: Online, *more: str) -> None:
    settings = ("--set", f"server={site.base}", "--set", f"account={account}")
    stage.tell.run(f"source add {name} mastodon_account", *settings, *more, silent=True)


def _phone(stage: Stage, name: str, folder: str, owner: str, *more: str) -> None:
    settings = ("--set", f"path={stage.outside / folder}", "--set", f"own_number={people()[owner].phone}")
    stage.tell.run(f"source add {name} sms_backup", *settings, *more, silent=True)


def declare(stage: Stage, site: Online) -> None:
    """A private phone and a private account that are used for city business, declared and approved."""
    tell, day = stage.tell, stage.calendar.day
    tell.step(
        "Declared by their owners, approved by a second person",
        "A council member texts about a variance from her own phone; the public works director calls snow emergencies "
        "on his own account. Both declare it and say what is city business. Everything else stays theirs.",
    )
    ingrid, teddy = people()["ingrid"], people()["teddy"]
    tell.run("device add --kind phone --ownership merged", "Ingrid's phone", "--custodian", ingrid.name, silent=True)
    tell.run("account add --platform mastodon --ownership merged plowteddy --custodian", teddy.name, silent=True)
    parties = " ".join(f"--party {people()[one].phone}" for one in ("odell", "mai", "nadia", "harlan"))
    what = "I text with residents and the planner about land use, from my own phone."
    tell.run(
        f"declaration add --from {day(60)} {parties} --visibility direct --device",
        "Ingrid's phone",
        "--statement",
        what,
    )
    words = " ".join(f"--word {one}" for one in ("plow", "plowed", "plowing", "plows", "snow"))
    what = "I announce snow emergencies and plowing there."
    tell.run(f"declaration add --from {day(39)} {words} --account plowteddy --statement", what)
    _phone(stage, "ingrid-phone", "council", "ingrid", "--declaration", "1")
    _mastodon(stage, "plowteddy", "plowteddy", site, "--declaration", "2", "--set", f"access_token={TOKEN}")
    tell.run("collect ingrid-phone", expect=4)
    stage.summary.refused.append("a declaration that nobody approved")
    _approve_own(stage)
    for number in (1, 2):
        tell.run(f"declaration approve {number} --as {APPROVER}", secret=PASSWORD)


def _approve_own(stage: Stage) -> None:
    """Whoever declared tries to approve, with a password of the own."""
    tell = stage.tell
    me = next(one["login"] for one in tell.ask("person list")["persons"] if one["os_login"])
    tell.run("person passwd", me, secret=PASSWORD, silent=True)
    tell.run("declaration approve 1 --as", me, expect=4, secret=PASSWORD)
    stage.summary.refused.append("an approval by the person who declared")


def schedule(stage: Stage) -> None:
    """Adopt the state's schedule, confirm what only a person can, and say which record belongs where."""
    tell = stage.tell
    tell.step(
        "How long things are kept",
        "The city adopts the state's schedule; a records officer confirms what a period counts from.",
    )
    tell.run(f"schedule adopt {EDITION} --on {stage.calendar.day(200)}")
    tell.run("schedule confirm correspondence-general --edition", "March 2021, as the city adopted it")
    rules = stage.folder / "classification.toml"
    rules.write_bytes((Path(__file__).parent / "content" / "rules.toml").read_bytes())
    tell.run("schedule import", str(rules))


def first_night(stage: Stage) -> None:
    """Read every source; the phone that nobody declared is refused."""
    tell = stage.tell
    tell.step("The first night", "Every source is read. What is out of scope is counted and never written.")
    tell.run("collect --all")
    stage.summary.records.append(stage.count(""))
    permit = tell.ask("search --limit 1", "permit roof source:mail")["hits"][0]["id"]
    tell.run(f"tag explain {permit}")
    harlan = people()["harlan"]
    tell.run("device add --kind phone --ownership personal", "Harlan's phone", "--custodian", harlan.name, silent=True)
    _phone(stage, "harlan-phone", "ward1", "harlan", "--device", "Harlan's phone")
    tell.say("Someone left the backup of another council member's private phone. Nobody declared that phone:")
    tell.run("collect harlan-phone", expect=4)
    stage.summary.refused.append("an undeclared personal phone")
    tell.run("source remove harlan-phone --reason", "not declared", silent=True)


def second_night(stage: Stage, site: Online) -> None:
    """Things changed at the sources since; the archive keeps both states and says when."""
    tell = stage.tell
    site.second_night()
    mails = change_mail(stage.outside / "mail", stage.calendar)
    write_phone(stage.outside / "inspector", "inspector", stage.calendar, second=True)
    tell.step(
        "The second night",
        f"Meanwhile a post was corrected and another deleted, a news article was changed, a mail was removed; {mails} "
        "mails, two texts, an article and a reply came in.",
    )
    tell.run("collect --all")
    stage.summary.records.append(stage.count(""))
    for what in ("edited", "gone", "missing"):
        stage.summary.facts[what] = stage.count(f"is:{what}")
    edited = tell.ask("search", "is:edited platform:mastodon")["hits"][0]["id"]
    tell.run(f"record show {edited} --versions")
    tell.run("search is:gone", talk=False)
    tell.run("search is:missing", talk=False)
