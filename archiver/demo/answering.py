"""The second half of the story: questions, a data request, its production, and the proof that nothing was changed."""

import shutil
import subprocess
import sys
from pathlib import Path

from archiver.demo.city import people
from archiver.demo.papers import paper
from archiver.demo.stage import Stage
from archiver.demo.telling import DemoStopped

QUESTION = '"kettle lane" OR variance'


def search(stage: Stage) -> None:
    """Questions with exact counts, and what each count covers."""
    tell = stage.tell
    tell.step("Questions", "Each answer repeats how it was understood, counts exactly, and says what it covers.")
    _ask(stage, QUESTION, 3, talk=True)
    _ask(stage, f'"snow emergency" after:{stage.calendar.day(14)}', 4)
    _ask(stage, "gutter NEAR/5 cable platform:(email OR sms)", 2)
    _ask(stage, f'custodian:"{people()["ingrid"].name}" kind:message', 3)
    _ask(stage, "除雪 OR 花火", 2)
    tell.say("A name that stands only in a spreadsheet, attached to a mail:")
    _ask(stage, '"northern trench"', 1)
    for question, whose in (
        ('"rice pudding"', "the council member's family"),
        ("walleye platform:mastodon", "the director's fish"),
    ):
        if count := stage.count(question):
            raise DemoStopped(command=f"search {question}", code=count, expected=0, said="it is out of scope")
        tell.say(f"Not in the archive, since no declaration covers it: {question} ({whose}).")


def _ask(stage: Stage, question: str, limit: int, *, talk: bool = False) -> None:
    stage.tell.run("search", question, "--limit", str(limit), talk=talk)
    stage.summary.searches.append({"query": question, "count": stage.count(question)})


def open_request(stage: Stage) -> str:
    """A call from someone who gives no name; held from the moment of the call.  Returns the request's number."""
    tell = stage.tell
    tell.step(
        "A data request by phone",
        "The caller gives no name and need not. From this moment nothing that it may touch can be destroyed.",
    )
    tell.run("request open --summary", "Everything about the garage variance at 1180 Kettle Lane, texts too")
    number = str(tell.ask("request list")["requests"][0]["id"])
    tell.run("hold lift H1 --reason", "too early", expect=4)
    stage.summary.refused.append("lifting the hold of an open request")
    tell.run(f"request candidates {number} --freeze --query", QUESTION)
    tell.say("The fire department's report was never in the archive; it joins the request as a file of its own:")
    tell.run(f"request file {number}", str(_found_elsewhere(stage, "incident-report-4471.pdf")))
    tell.run("hold list")
    return number


def _found_elsewhere(stage: Stage, name: str) -> Path:
    path = stage.outside / name
    path.write_bytes(paper(name))
    return path


def produce(stage: Stage, number: str) -> None:
    """Build the package, check it, and find the one byte that someone changed in a copy."""
    tell = stage.tell
    package = stage.folder / "production"
    tell.step(
        "The production",
        "Numbered PDF, spreadsheet, text and originals, with a signed root that is printed in the letter.",
    )
    built = tell.run(f"produce build {number} --out", str(package))
    root = next(line.split()[1] for line in built.out.splitlines() if line.startswith("root "))
    tell.run("produce verify", str(package), "--root", root)
    script = [sys.executable, "-I", str(package / "verify.py"), str(package), "--root", root]
    checked = subprocess.run(script, capture_output=True, text=True, check=False)
    if checked.returncode:
        raise DemoStopped(command="verify.py", code=checked.returncode, expected=0, said=checked.stdout.strip())
    tell.say("The requester needs nothing of ours: the package's own verify.py, run by Python alone, says the same.")
    changed = stage.folder / "production-changed"
    tell.say(f"Somebody changes one byte of {_change_one_byte(package, changed)} in a copy:")
    tell.run("produce verify", str(changed), "--root", root, expect=5)
    stage.summary.facts |= {"request": number, "package": str(package), "root": root, "changed_byte_found": True}


def _change_one_byte(package: Path, copy: Path) -> str:
    shutil.copytree(package, copy)
    target = max(copy.rglob("*.pdf"), key=lambda one: one.stat().st_size)
    content = bytearray(target.read_bytes())
    content[len(content) // 2] ^= 1
    target.chmod(0o644)
    target.write_bytes(content)
    return target.name


def close(stage: Stage, number: str) -> None:
    """Something was not released; closed, the request's hold gets a date of its own."""
    tell = stage.tell
    tell.step(
        "The request is closed",
        "The neighbor left a physician's note with the city: private data, not in the package. Because something was "
        "not released, the records of this request stay held until a date that the law sets.",
    )
    tell.run(f"request file {number}", str(_found_elsewhere(stage, "physicians-note.pdf")))
    tell.run(f"request close {number} --reason", "Delivered at the counter, but for the physician's note")
    tell.run("hold list")


def prove(stage: Stage) -> None:
    """Every act is in the log, and nothing was changed."""
    tell = stage.tell
    tell.step(
        "Proof",
        "Every act above has an actor and stands in a signed log; records, keys and holds are checked against it.",
    )
    tell.run("collect mail", silent=True)  # also indexes what the holds changed
    tell.run("audit head")
    tell.run("audit verify")
    tell.run("verify")
    stage.summary.facts["verified"] = True
