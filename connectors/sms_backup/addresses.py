"""Addresses of telephones as backups write them: what kind they are, and when two spellings are one."""

import re
from functools import lru_cache

from schema.vocab import AddressKind

_NUMBER = re.compile(r"(?=.*\d)[\d\s().\-/*#,;+]+")
_NOT_DIGITS = re.compile(r"[^\d+*#]")
_CACHE = 1 << 16


@lru_cache(maxsize=_CACHE)
def address_kind(address: str) -> AddressKind:
    """Tell numbers and short codes from e-mail addresses and the names that companies send under."""
    if "@" in address:
        return AddressKind.EMAIL
    return AddressKind.PHONE if _NUMBER.fullmatch(address) else AddressKind.HANDLE


@lru_cache(maxsize=_CACHE)
def normalised(address: str, region: str) -> str:
    """Return an address so that its spellings are equal: E.164 where it is a possible number of the region."""
    if address_kind(address) is not AddressKind.PHONE:
        return address.strip().lower()
    digits = _NOT_DIGITS.sub("", address)
    if len(digits) < 7:
        return digits
    import phonenumbers  # its metadata take a moment to load

    try:
        number = phonenumbers.parse(address, region)
    except phonenumbers.NumberParseException:
        return digits
    if not phonenumbers.is_possible_number(number):
        return digits
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(maxsize=_CACHE)
def key_address(addresses: str) -> str:
    """Return the addresses of a row ("a~b~c") as native ids hold them: the last ten digits, sorted.

    No library's metadata and no setting take part, so that neither an update nor a correction renames old messages.
    """
    keys = {
        _NOT_DIGITS.sub("", one)[-10:] if address_kind(one) is AddressKind.PHONE else one.strip().lower()
        for one in addresses.split("~")
    }
    return "~".join(sorted(keys))
