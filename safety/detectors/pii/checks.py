"""What a value itself says about how sure one can be, beyond its shape and checksum.

Each check gives the highest score the value may get with no context word near it. They know number plans,
not people: whether a number is in use is never asked.
"""

from __future__ import annotations

import ipaddress
import re

# (first digits, from and to; lengths), ISO/IEC 7812 ranges of the large schemes. Presidio asks for no issuer
# and so takes every tenth order number of 16 digits for a card.
_ISSUERS = (
    ("34", "34", (15,)),
    ("37", "37", (15,)),
    ("300", "305", (14,)),
    ("36", "36", (14,)),
    ("38", "39", (14,)),
    ("3528", "3589", (16,)),
    ("4", "4", (13, 16)),
    ("51", "55", (16,)),
    ("6011", "6011", (16,)),
    ("62", "62", (16, 17)),
    ("644", "659", (16,)),
    ("2221", "2720", (16,)),
    ("50", "50", (13, 16)),
    ("56", "58", (13, 16)),
    ("60", "61", (16,)),
    ("63", "63", (16,)),
    ("67", "67", (16,)),
)
_NOT_DIGITS = re.compile(r"[^0-9]")
UNLIKELY = 0.3


def card(value: str) -> float:
    """1 for a number in the range and of the length of a card scheme, and not one digit over and over."""
    digits = _NOT_DIGITS.sub("", value)
    known = any(
        low <= digits[: len(low)] <= high and len(digits) in lengths for low, high, lengths in _ISSUERS
    )
    return 1.0 if known and len(set(digits)) > 1 else UNLIKELY


def ip(value: str) -> float:
    """1 for an address that a host can have. Loopback, link-local, multicast, unspecified and broadcast
    addresses and netmasks point at nobody; ``1::2`` and ``Face::Bad`` are as often code."""
    try:
        address = ipaddress.ip_interface(value.partition("%")[0]).ip
    except ValueError:
        return UNLIKELY
    if address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified:
        return UNLIKELY
    if address.version == 4:
        return UNLIKELY if value.startswith(("255.", "0.")) else 1.0
    groups = [group for group in value.split(":") if group]
    return 1.0 if len(groups) > 2 and any(map(str.isdigit, value)) else UNLIKELY


def hyphenated(value: str) -> float:
    """1 for a value written in groups; a bare row of digits is most often something else."""
    return 1.0 if any(sign in value for sign in "- ") else UNLIKELY


def anything(value: str) -> float:
    """1: the shape and the checksum say it all."""
    return 1.0
