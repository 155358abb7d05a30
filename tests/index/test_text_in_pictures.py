"""Text in pictures is searchable where the city asks for it and tesseract is installed."""

import shutil
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from archiver.paper.typefaces import SHIPPED
from tests.fixtures.city import Town

FONT = SHIPPED / "NotoSans-Bold.ttf"


def picture(text: str) -> bytes:
    """A PNG that shows a line of large black text."""
    image = Image.new("L", (900, 160), 255)
    ImageDraw.Draw(image).text((40, 40), text, font=ImageFont.truetype(str(FONT), 64), fill=0)
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
@pytest.mark.parametrize(("setting", "found"), [("false", 0), ("true", 1)])
def test_a_scan_is_found_by_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, found: int
) -> None:
    """With `[collect] ocr` the words of a picture are found; without it the picture counts as without text."""
    monkeypatch.setenv("ARCHIVER__COLLECT__OCR", setting)
    town = Town(tmp_path, monkeypatch)
    mail = EmailMessage()
    mail["From"], mail["Subject"], mail["Message-ID"] = "a@example.org", "Scan", "<scan@example.org>"
    mail["Date"] = "Mon, 05 Jan 2026 10:00:00 -0600"
    mail.set_content("see the picture")
    mail.add_attachment(picture("HYDRANT PERMIT"), maintype="image", subtype="png", filename="scan.png")
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "scan.eml").write_bytes(mail.as_bytes())
    town.ok("source", "add", "mail", "mail_files", "--set", f"path={tmp_path / 'mail'}")
    town.ok("collect", "mail")

    answer = town.ok("search", "hydrant permit")
    assert answer["count"] == found
    assert answer["coverage"][0]["without_text"] == 1 - found
