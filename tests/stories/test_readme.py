"""The commands of README.md's tour are run as they stand there, and print what it says that they print."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MARK = "@@@ block"


def _tour() -> list[tuple[str, list[str]]]:
    """The `sh` blocks of the tour, each with the lines of the `text` block that follows it."""
    text = (ROOT / "README.md").read_text("utf-8").split("## A tour of ten minutes", 1)[1].split("\n## ", 1)[0]
    blocks: list[tuple[str, list[str]]] = []
    for kind, body in re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL):
        if kind == "sh":
            blocks.append((body, []))
        else:
            assert kind == "text" and blocks, "a tour has sh blocks, and text blocks after them"
            blocks[-1][1].extend(line for line in body.splitlines() if line.strip())
    return blocks


def test_the_tour_of_the_readme_works(tmp_path: Path) -> None:
    """Every command of the tour ends well, and every printed line of it is printed (… stands for what varies)."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    blocks = _tour()
    assert len(blocks) >= 6
    script = [
        "set -e",
        f'archiver() {{ "{sys.executable}" -m archiver "$@"; }}',
        f'python3() {{ "{sys.executable}" "$@"; }}',
    ]
    for number, (body, _) in enumerate(blocks):
        script += [f"echo '{MARK} {number}'", body]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("ARCHIVER_ARCHIVE", None)
    ran = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stdout[-3000:]
    said = re.split(rf"^{MARK} \d+\n", ran.stdout, flags=re.MULTILINE)[1:]
    for (body, lines), output in zip(blocks, said, strict=True):
        printed = [" ".join(line.split()) for line in output.splitlines()]
        for line in lines:
            wanted = re.compile(".*".join(re.escape(part) for part in " ".join(line.split()).split("…")))
            assert any(wanted.fullmatch(one) for one in printed), f"{line!r} is not printed by\n{body}\nbut\n{output}"


def test_the_readme_names_the_two_commands_and_links_that_exist() -> None:
    """A reader finds `make run` and `make test`, and no link in the project's pages leads nowhere."""
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "make run" in readme and "make test" in readme
    for page in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs/README.md"):
        for target in re.findall(r"\]\(([^)#]+)", (ROOT / page).read_text("utf-8")):
            if "://" not in target:
                assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}"
