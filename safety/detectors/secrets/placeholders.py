"""Values that stand where a secret will stand: in documentation, templates and type declarations."""

from __future__ import annotations

import re

# What no generated key of ordinary length holds by chance.
_PARTS = re.compile(
    r"example|your.{0,3}(?:key|token|secret|pass|api)|placeholder|change.?me|dummy|sample|insert|redacted|replace"
    r"|masked|x{5}|\*{3}|\.{3}|…|[<>]|\$\{|\{\{|%\(|1234567890|0123456789|abcdefghij",
    re.IGNORECASE,
)
_BY_CHANCE = 200  # code points from which on such a part may stand in a real one
_WORDS = frozenset(
    "password passwd pass pwd secret token apikey api_key api-key key none null nil true false undefined "
    "string str text bytes optional required user username login hidden unset empty default".split()
)
# A name to be looked up: config.password, getenv("X"), $_POST["x"], $PASSWORD, %PASSWORD%, {pw}, &pw.
_REFERENCE = re.compile(
    r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+\Z|\$?[A-Za-z_][\w.]*[\[(]|[$@&*]\w+\Z|%\w+%\Z|\{\w+\}\Z", re.ASCII
)


def is_placeholder(value: str) -> bool:
    """Whether ``value`` is meant to be replaced by a secret."""
    return (
        len(set(value)) < 4
        or value.lower() in _WORDS
        or (len(value) < _BY_CHANCE and _PARTS.search(value) is not None)
    )


def is_reference(value: str) -> bool:
    """Whether ``value`` says where the secret comes from."""
    return _REFERENCE.match(value) is not None
