"""Addresses of parties in one form each: E.164, lower-case e-mail, handles."""

import re
from functools import lru_cache

import phonenumbers

from schema.canonical import normal_address
from schema.item import Party
from schema.vocab import AddressKind

_SHORT_CODE = re.compile(r"\d{3,8}")


def party_key(party: Party, region: str) -> str:
    """What makes two parties the same: kind and address in normal form.

    region: two-letter country (ISO 3166) in which numbers without a prefix are dialled.
    """
    if party.kind is AddressKind.PHONE:
        return f"phone:{phone(party.address, region)}"
    address = normal_address(party)
    if party.kind is AddressKind.HANDLE:
        address = address.lstrip("@")
    return f"{party.kind.value}:{address}"


@lru_cache(maxsize=65_536)
def phone(written: str, region: str) -> str:
    """A number as E.164; short codes and what is not a number stay as written, without spaces and punctuation."""
    stripped = re.sub(r"[\s().\-/]", "", written)
    if _SHORT_CODE.fullmatch(stripped):
        return stripped
    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return stripped.casefold()
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
