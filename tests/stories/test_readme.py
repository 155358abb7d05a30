"""The commands of README.md's tour are run as they stand there, and print what it says that they print."""

import re
from pathlib import Path

from tests.fixtures.tour import blocks_of, run_blocks

ROOT = Path(__file__).resolve().parents[2]


def test_the_tour_of_the_readme_works(tmp_path: Path) -> None:
    """Every command of the tour ends well, and every printed line of it is printed (… stands for what varies)."""
    text = (ROOT / "README.md").read_text("utf-8").split("## A tour of ten minutes", 1)[1].split("\n## ", 1)[0]
    blocks = blocks_of(text)
    assert len(blocks) >= 6
    run_blocks(blocks, tmp_path)


def test_the_readme_names_the_two_commands_and_links_that_exist() -> None:
    """A reader finds `make run` and `make test`, and no link in the project's pages leads nowhere."""
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "make run" in readme and "make test" in readme
    for page in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs/README.md"):
        for target in re.findall(r"\]\(([^)#]+)", (ROOT / page).read_text("utf-8")):
            if "://" not in target:
                assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}"
