"""Private keys over many lines: one span from the first line of the block to the last.

Public keys and certificates are not secrets. A block without a body ("-----BEGIN PRIVATE KEY-----\\n...") is
a placeholder. Whether the key is encrypted is not asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from safety.detectors.secrets.rules import SURE, Found

KIND = "private_key"
PEM = "-----BEGIN "
PUTTY = "PuTTY-User-Key-File-"
LONGEST = 20_000  # code points; an RSA key of 16,384 bits takes 12,700
_HEADER = re.compile(r"-----BEGIN (?P<label>[0-9A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?)-----")
_PUTTY_END = re.compile(r"Private-MAC:\s*[0-9a-f]+")
# The lines of a block that is cut short, also as one JSON string with \n between them. A blank line ends it,
# unless it stands after "DEK-Info: …".
_BODY = re.compile(
    r"(?:\\[nrt]|\r?\n(?!\s*\n)|[\w-]{1,40}: [^\n]{0,120}(?:\r?\n\s*\n)?|[0-9A-Za-z+/=]{1,200})*", re.ASCII
)
_KEY_MATERIAL = re.compile(r"[0-9A-Za-z+/]{40}")
_OPEN = re.compile(rf"(?:{_HEADER.pattern}|{PUTTY}[23])")


@dataclass(frozen=True, slots=True)
class KeyBlocks:
    """``headers``: what the library takes for the first line of a private key."""

    headers: re.Pattern[str]

    def find(self, text: str, anchor: int) -> Found | None:
        """The block whose first line begins at ``anchor``."""
        pem = _HEADER.match(text, anchor)
        if pem and (self.headers.search(pem[0]) or pem["label"].endswith("PRIVATE KEY")):
            closing = f"-----END {pem['label']}-----"
            following = text.find(PEM, pem.end(), anchor + LONGEST)
            limit = following if following >= 0 else anchor + LONGEST
            end = text.find(closing, pem.end(), limit)
            stop = end + len(closing) if end >= 0 else _body_end(text, pem.end(), limit)
            return _block(text, anchor, pem.end(), stop)
        if text.startswith(PUTTY, anchor):
            mac = _PUTTY_END.search(text, anchor, anchor + LONGEST)
            return _block(
                text, anchor, anchor, mac.end() if mac else _body_end(text, anchor, anchor + LONGEST)
            )
        return None


def _body_end(text: str, start: int, limit: int) -> int:
    match = _BODY.match(text, start, limit)
    return match.end() if match else start


def _block(text: str, start: int, body: int, end: int) -> Found | None:
    while end > body and text[end - 1].isspace():
        end -= 1
    return Found(start, end, KIND, SURE) if _KEY_MATERIAL.search(text, body, end) else None


def open_from(text: str) -> int | None:
    """Where the last block begins that has not ended, or a line that may become the first of one."""
    last = max(text.rfind(PEM), text.rfind(PUTTY))
    if last < 0 or len(text) - last > LONGEST:
        return None
    header = _OPEN.match(text, last)
    if header is None:  # a first line still being written
        return last if "\n" not in text[last:] and "-----" not in text[last + 5 :] else None
    if text.startswith(PUTTY, last):
        mac = _PUTTY_END.search(text, last)
        return None if mac and mac.end() < len(text) else last
    return None if f"-----END {header['label']}-----" in text[last:] else last
