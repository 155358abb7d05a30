"""Images: their words only through tesseract, where it is installed and asked for."""

import shutil
import subprocess
from io import BytesIO
from typing import TYPE_CHECKING

from archiver.index.extract.contract import ExtractOutcome, NoTextError
from archiver.index.extract.words import Found

if TYPE_CHECKING:
    from PIL.Image import Image

SEEN_PIXELS = 100_000_000


def read_image(found: Found, data: bytes, media_type: str) -> None:
    """Recognised words; raises NoTextError where recognition is not asked for or not installed."""
    del media_type
    if not found.ocr:
        raise NoTextError(ExtractOutcome.UNSUPPORTED, "an image: no searchable text")
    if not shutil.which("tesseract"):
        raise NoTextError(ExtractOutcome.UNSUPPORTED, "an image: no searchable text (tesseract is not installed)")
    from PIL import Image, ImageSequence, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = SEEN_PIXELS
    try:
        with Image.open(BytesIO(data)) as image:
            frames = 0
            for frame in ImageSequence.Iterator(image):
                found.line(recognise(frame))
                frames += 1
            found.pages = frames
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise NoTextError(ExtractOutcome.REFUSED, f"an image of more than {SEEN_PIXELS:,} points") from error
    except UnidentifiedImageError as error:
        raise NoTextError(ExtractOutcome.UNSUPPORTED, "an image of a kind that cannot be opened") from error


def recognise(image: "Image") -> str:
    """The words in an image; through pipes, since the sandbox writes no temporary files (as pytesseract would)."""
    program = shutil.which("tesseract")
    if not program:
        return ""
    picture = BytesIO()
    image.convert("RGB").save(picture, "PNG", compress_level=1)
    done = subprocess.run(
        [program, "stdin", "stdout"],
        input=picture.getvalue(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return done.stdout.decode("utf-8", "replace")
