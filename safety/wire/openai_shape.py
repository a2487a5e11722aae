"""The pieces of OpenAI answers that whole bodies and streams are built from: errors, blocked choices, and
what must go when a text is taken away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from safety.types import Edit, Hit, Stage, Verdict
from safety.wire import content_filter, pointer

# Members of a choice that hold its text once more, token by token. A redacted answer whose log
# probabilities still spell the card number is not redacted. ``token_ids``: vLLM's return_token_ids.
SHADOWS = ("logprobs", "token_ids")

_CHOICE = re.compile(r"/choices/(0|[1-9][0-9]*)(?:/|\Z)")


def choice_of(path: str) -> int | None:
    """``/choices/2/message/content`` -> 2; none for a path outside of the choices."""
    match = _CHOICE.match(path)
    return None if match is None else int(match[1])


def hits_of_choice(hits: Iterable[Hit], choice: int) -> list[Hit]:
    """The hits that speak of this choice: those inside it, and those without a place in any."""
    return [
        hit for hit in hits if hit.finding.span is None or choice_of(hit.finding.span.path) in (choice, None)
    ]


def shadows(body: Any, edits: Iterable[Edit]) -> dict[str, bytes]:
    """What must be emptied along with ``edits``: JSON pointer -> the value to put in its place."""
    values: dict[str, bytes] = {}
    for edit in edits:
        path = edit.span.path
        place = choice_of(path)
        if place is None:
            continue
        for key in SHADOWS:
            for at, value in pointer.expand(body, f"/choices/{place}/{key}"):
                values |= {at: b"null"} if value is not None else {}
        if path.endswith("/audio/transcript"):
            for at, value in pointer.expand(body, path.removesuffix("transcript") + "data"):
                values |= {at: b'""'} if value else {}
    return values


def blocked_choice(
    choice: Mapping[str, Any], place: int, verdict: Verdict, hits: list[Hit]
) -> dict[str, Any]:
    """A choice with nothing of its text left. ``content`` is null and not absent: the field is required
    in OpenAI's schema, and plain dictionaries are read as ``message["content"]``."""
    return {
        "index": choice.get("index", place),
        "message": {"role": "assistant", "content": None, "refusal": None},
        "logprobs": None,
        **ending(verdict, hits),
    }


def ending(verdict: Verdict, hits: list[Hit]) -> dict[str, Any]:
    """The members that say why a choice ends."""
    return {
        "finish_reason": "content_filter",
        "content_filter_results": content_filter.results(hits, Stage.OUTPUT),
        "safety": {"message": verdict.message, **content_filter.extras(verdict, hits)},
    }


def error_body(code: str, message: str, kind: str, event_id: str | None = None) -> dict[str, Any]:
    """OpenAI's error object."""
    error: dict[str, Any] = {"message": message, "type": kind, "param": None, "code": code}
    if event_id is not None:
        error["safety"] = {"event_id": event_id}
    return {"error": error}
