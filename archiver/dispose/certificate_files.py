"""The files of a certificate: the signed JSON, its signature, the PDF, the state's destruction list."""

import json
from pathlib import Path

from sqlalchemy.orm import Session

from archiver.archive import Archive
from archiver.dispose.certificate_pdf import write_pdf
from archiver.dispose.certificates import read_bytes
from archiver.dispose.destruction_list import write_list
from archiver.errors import Refused
from schema.canonical import canonical_json
from schema.wire.certificate import CertificateSignature
from schema.wire.shape import as_json


def write_files(archive: Archive, session: Session, number: str, out: Path) -> list[Path]:
    """Write a certificate's files into a new or empty folder; raises NotFound, VerificationFailed, Refused."""
    signed, signature, public_key = read_bytes(archive, session, number)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise Refused(reason=f"{out} exists and is not empty", action="Name a new folder with --out.")
    out.mkdir(parents=True, exist_ok=True)
    body = json.loads(signed)
    paths = [out / name for name in ("certificate.json", "certificate.json.sig", "certificate.pdf")]
    paths[0].write_bytes(signed)
    shape = CertificateSignature("Ed25519", number, public_key.hex(), signature.hex())
    paths[1].write_bytes(canonical_json(as_json(shape)) + b"\n")
    own = Path(archive.config.produce.fonts) if archive.config.produce.fonts else None
    write_pdf(body, signature, public_key, paths[2], own)
    if body["kind"] == "destruction":
        paths.append(out / "destruction-list.xlsx")
        write_list(body, paths[-1])
    return paths
