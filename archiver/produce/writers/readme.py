"""README.txt: what the package holds and how anyone can check it, in plain words."""

_TEXT = """\
{title}
Request {request}

What is here
  pdf/            everything to read or print, {volumes} volume(s)
  records.xlsx    one row for each of the {records} records
  records.jsonl   the same, complete, for programs: one JSON object to a line
  originals/      the files as they were captured, in a folder for each number
  text/           texts too long for a cell of the sheet
  manifest.json   every record and every file with its size and SHA-256
  manifest.sig.json   the city's signature over the manifest
  sha256sums.txt  the same digests for `sha256sum -c sha256sums.txt`
  verify.py       checks all of this

How to check that nothing was left out or changed
  1. Install Python 3.8 or newer (python.org); nothing else is needed.
  2. Find the root in the city's letter: 64 digits and letters a to f.
  3. In this folder, run:   python verify.py --root ROOT
  4. The last line says OK, or FAILED after one line for each problem.
  Without --root, changes inside this package are found, but not that somebody
  replaced the whole package. To trust verify.py itself, take it from the city's
  page or read it: it is one file.

How to read it
  A text that begins with = + - or @ is stored as text, never as a formula.
  Characters that cannot be printed stand in the PDF and the sheet as their code
  or name in square brackets; records.jsonl has them unchanged. File names were made
  safe; records.jsonl has the names as they were. The dates inside the sheet's and
  the PDF's own properties are fixed or left out on purpose, so that the same
  production always gives the same bytes.
"""


def readme(*, title: str, request: str, records: int, volumes: int) -> str:
    """The text of README.txt."""
    return _TEXT.format(title=title, request=request, records=f"{records:,}", volumes=volumes)
