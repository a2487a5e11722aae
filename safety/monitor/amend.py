"""An exception and its test, put into the text of a policy file, and the difference that makes.

The file is treated as text, so that comments and layout stay as people wrote them; whether the outcome is a
policy is for the policy's own reader to say. Nothing is written anywhere. Pure.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from safety.errors import ConfigError
from safety.policy.model import content_digest
from safety.types import Origin

INDENT = "  "
MAX_NAME = 80  # code points of a test's name
_ITEM = re.compile(r"^(\s*)- ")
_EMPTY = re.compile(r"^(\w+):\s*(\[\s*\]|~|null)?\s*(#.*)?$")
_ORIGINS = {  # where a test says that a text came from: a key, and whether it takes a list
    Origin.SYSTEM: ("system", False),
    Origin.USER: ("prompt", False),
    Origin.ASSISTANT: ("answer", False),
    Origin.DOCUMENT: ("documents", True),
    Origin.TOOL_RESULT: ("tool_results", True),
}
# What YAML 1.2 lets stand in a quoted text as it is (https://yaml.org/spec/1.2.2/#51-character-set).
_UNPRINTABLE = re.compile(
    "[^\x20-\x7e\xa0-\u2027\u202a-\u202f\u2060\u2070-\ud7ff\uf900-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


@dataclass(frozen=True, slots=True)
class Wrong:
    """What was wrongly judged. ``words`` are let pass wherever they stand; without them only the very
    ``text``, known by its hash. ``tested``: put the text into a test as well."""

    text: str
    words: str
    origin: Origin
    rule: str
    category: str
    reason: str
    expires: date
    tested: bool = True


def exception(wrong: Wrong) -> list[str]:
    """The lines of an entry under ``exceptions:``."""
    what = f"text: {quoted(wrong.words)}" if wrong.words else f"sha256: {content_digest(wrong.text)}"
    return [
        f"- {what}",
        f"  reason: {quoted(wrong.reason)}",
        f"  expires: {wrong.expires.isoformat()}",
        f"  categories: [{quoted(wrong.category)}]",
        f"  rules: [{quoted(wrong.rule)}]",
    ]


def case(wrong: Wrong) -> list[str]:
    """The lines of an entry under ``tests:``."""
    known = _ORIGINS.get(wrong.origin)
    if known is None:
        texts = [
            *(["  stage: output"] if wrong.origin in (Origin.REASONING, Origin.TOOL_CALL) else []),
            f"  segments: [{{origin: {wrong.origin}, text: {quoted(wrong.text)}}}]",
        ]
    else:
        key, many = known
        texts = [f"  {key}: [{quoted(wrong.text)}]" if many else f"  {key}: {quoted(wrong.text)}"]
    name = f"was wrong: {wrong.reason}"
    return [
        f"- name: {quoted(name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + '…')}",
        *texts,
        "  expect: allow",
        f"  not_rules: [{quoted(wrong.rule)}]",
    ]


def amended(text: str, wrong: Wrong) -> str:
    """A policy's text with the exception, and its test if there is to be one, at the end of their lists.
    ``ConfigError`` where such a list is not written line by line."""
    changed = added(text, "exceptions", exception(wrong))
    return added(changed, "tests", case(wrong)) if wrong.tested else changed


def own_policy(shipped: str, wrong: Wrong) -> str:
    """A policy of one's own that is a shipped one with the exception."""
    return amended(f"version: 1\nname: own\nextends: {shipped}\n", wrong)


def added(text: str, key: str, item: Sequence[str]) -> str:
    """``text`` with ``item`` as the last of the list under the top-level ``key``, which is made where it is
    missing."""
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines()
    at = next((i for i, line in enumerate(lines) if re.match(rf"{key}\s*:", line)), None)
    if at is None:
        between = [""] if lines and lines[-1].strip() else []
        lines += [*between, f"{key}:", *(INDENT + line for line in item)]
        return end.join(lines) + end
    if _EMPTY.match(lines[at]) is None:
        raise ConfigError(f"line {at + 1}: {key}: is written in one line: write it line by line")
    lines[at] = re.sub(r":\s*(\[\s*\]|~|null)", ":", lines[at], count=1)
    last = _list_end(lines, at)
    first = next((match for line in lines[at + 1 : last] if (match := _ITEM.match(line))), None)
    lead = INDENT if first is None else first[1]
    lines[last:last] = [lead + line for line in item]
    return end.join(lines) + end


def _list_end(lines: Sequence[str], at: int) -> int:
    """Where the list that begins below line ``at`` ends: before what belongs to the next key."""
    end = at + 1
    for i in range(at + 1, len(lines)):
        line = lines[i]
        if line[:1] in (" ", "\t", "-"):
            if line.strip():
                end = i + 1
        elif line.strip() and not line.startswith("#"):
            break
    return end


def quoted(text: str) -> str:
    """``text`` as a double-quoted YAML scalar in one line."""
    return _UNPRINTABLE.sub(_escape, json.dumps(text, ensure_ascii=False))


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def difference(before: str, after: str, name: str) -> str:
    """From ``before`` to ``after`` as a unified diff that ``patch -p1`` takes in the file's folder."""
    old = f"a/{name}" if before else "/dev/null"
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), old, f"b/{name}"
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
