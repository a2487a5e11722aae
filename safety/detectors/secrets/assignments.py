"""Passwords and keys given a name: ``password = "…"``, ``api_key: …``, "the password is …".

Quoted values are the library's matter. Without quotes the value must look made up: letters with digits or
symbols. It does not read a value on the next line, and passphrases of plain words are not found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from safety.detectors.secrets.placeholders import is_placeholder, is_reference
from safety.detectors.secrets.rules import Found

KIND = "keyword"
QUOTED = 0.7
BARE = 0.6
# Every word with which an assignment can begin, in lower case.
ANCHORS = (
    *(
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "pwd",
        "secret",
        "contraseña",
        "contrasena",
        "passwort",
    ),
    *("kennwort", "senha", "mot de passe", "token", "api_key", "apikey", "api-key", "api key", "access_key"),
    *(
        "accesskey",
        "access key",
        "auth_key",
        "authkey",
        "service_key",
        "servicekey",
        "account_key",
        "accountkey",
    ),
    *("db_key", "dbkey", "database_key", "databasekey", "priv_key", "privkey", "private_key", "privatekey"),
    *("client_key", "clientkey", "db_pass", "dbpass", "database_pass", "databasepass", "key_pass", "keypass"),
)
_LINE = 300  # code points after the word that are read
_BARE = re.compile(
    r"(?P<word>pass(?:word|wd|phrase|code)|pwd|passwort|kennwort|senha|contrase[ñn]a|mot de passe"
    r"|token|secret(?:[_ -]?(?:access[_ -]?)?key)?|(?:api|access|auth|account)[_ -]?key)"
    r"[\"'\]]{0,2}\s{0,3}(?:=>|:=|[=:]{1,2}|is:?\s|ist:?\s|est:?\s|es:?\s)\s{0,3}[\"'`]?"
    r"(?P<value>[^\s\"'`,;|]{6,200})",
    re.IGNORECASE,
)
_WHOLE_WORD = re.compile(r"\w{1,60}(?!\w)")  # keeps "passwordpasswordpassword…" cheap
_SYMBOL = re.compile(r"[!@#$%^&*+=~?]")
_DIGIT = re.compile(r"[0-9]")
_LETTER = re.compile(r"[A-Za-z]")
_LONG_WORDS = ("token", "key")  # named so often in passing that only a long value counts


@dataclass(frozen=True, slots=True)
class Assignments:
    """``quoted``: the library's expressions and their groups. ``sequential``: the library's test."""

    quoted: Sequence[tuple[re.Pattern[str], int]]
    sequential: Callable[[str], bool]

    def find(self, text: str, anchor: int) -> Iterator[Found]:
        """The value assigned to the word that begins at ``anchor``."""
        line_end = text.find("\n", anchor, anchor + _LINE)
        end = line_end if line_end >= 0 else min(anchor + _LINE, len(text))
        if not _WHOLE_WORD.match(text, anchor, end):
            return
        for pattern, group in self.quoted:
            match = pattern.match(text, anchor, end)
            if match and self._meant(match[group]):
                yield Found(*match.span(group), KIND, QUOTED)
                return
        bare = _BARE.match(text, anchor, end)
        if bare:
            yield from self._bare(bare)

    def _bare(self, match: re.Match[str]) -> Iterator[Found]:
        value = match["value"].rstrip(".:!?)]}>")
        least = 16 if match["word"].lower().endswith(_LONG_WORDS) else 6
        if len(value) >= least and _made_up(value) and not self._stands_in(value):
            start = match.start("value")
            yield Found(start, start + len(value), KIND, BARE)

    def _meant(self, value: str) -> bool:
        """Whether a quoted value is a secret rather than a label or a message."""
        mixed = len(value) > 9 and not value.islower() and not value.isupper()
        return (
            len(value) > 3
            and not any(map(str.isspace, value))
            and bool(mixed or _DIGIT.search(value) or _SYMBOL.search(value))
            and not self._stands_in(value)
        )

    def _stands_in(self, value: str) -> bool:
        return is_placeholder(value) or is_reference(value) or (len(value) > 8 and self.sequential(value))


def _made_up(value: str) -> bool:
    return bool(_LETTER.search(value) and (_DIGIT.search(value) or _SYMBOL.search(value)))
