"""Text from strangers on a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """``text`` with everything that is not a visible character escaped, as in ``\\x1b``: control, format and
    private-use characters, lone surrogates, and every blank but the space."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
