""" "This was wrong": an exception and a test to review, for an event whose text should have passed.

The record holds no text as it was written, so the editor brings it. What comes out is a difference against
the policy's file, checked against the policy's own reader and tried on a guard; the file is never changed
here. The record keeps who asked for it and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from starlette.responses import Response

from safety.errors import ConfigError, SafetyError
from safety.events.entry import Event, RuleHit
from safety.monitor.amend import Wrong, amended, case, difference, exception, own_policy
from safety.monitor.bench import Shown
from safety.monitor.desk import Answer, Desk, Look, NotThere, Page, editor_only
from safety.monitor.pages.event import found
from safety.policy.cases import Ended
from safety.policy.file import LoadedPolicy, policy_from_text
from safety.policy.layers import SHIPPED, shipped_folder
from safety.policy.model import ON_ERROR
from safety.types import Origin

DAYS, MOST_DAYS = 90, 366  # until an exception expires: usually, at most
MAX_REASON = 200
MAX_TEXT = 100_000
OWN = "own-policy.yaml"


@dataclass(frozen=True, slots=True)
class Review:
    """What is to be reviewed. ``diff`` is empty where there is no file to set it against; ``notes`` say what
    is to be known, each with whether it is good."""

    wrong: Wrong
    file: str
    diff: str
    notes: tuple[tuple[bool, str], ...]


def ask(desk: Desk, look: Look) -> Page:
    """The form."""
    event, hits = _hits(desk, look)
    return _form(look, event, hits, {}, ())


def made(desk: Desk, look: Look) -> Page:
    """The exception to review; the record now says that somebody asked for it."""
    event, hits = _hits(desk, look)
    wrong, problems = _read(look, hits)
    if wrong is None:
        return _form(look, event, hits, look.form, problems)
    review = _review(desk, event, wrong)
    told = f"{wrong.rule} on {wrong.category} until {wrong.expires}: {wrong.reason}"
    desk.notes.write("exception", by=look.visitor.name, about=event.id, detail=told)
    values: dict[str, Any] = {
        "event": event,
        "review": review,
        "exception": "\n".join(exception(wrong)),
        "test": "\n".join(case(wrong)) if wrong.tested else "",
        "form": look.form,
    }
    return Page("review.html", "An exception to review", "events", values)


def download(desk: Desk, look: Look) -> Answer:
    """The difference as a file."""
    event, hits = _hits(desk, look)
    wrong, problems = _read(look, hits)
    if wrong is None:
        return _form(look, event, hits, look.form, problems)
    _, _, diff = _against(desk, event, wrong)
    return Response(
        diff.encode("utf-8", "replace"),
        media_type="text/x-diff; charset=utf-8",
        headers={"content-disposition": 'attachment; filename="exception.diff"'},
    )


# --- reading the form ---------------------------------------------------------------------------------------


def _hits(desk: Desk, look: Look) -> tuple[Event, list[RuleHit]]:
    """The event, and those of its hits that an exception can let pass: those with a place."""
    editor_only(look)
    _, entry = found(desk, look)
    if not isinstance(entry, Event):
        raise NotThere("That is no event: nothing was judged there.")
    hits = [
        hit for hit in entry.hits if hit.path is not None and hit.rule != ON_ERROR and hit.excused is None
    ]
    if not hits:
        raise NotThere("No rule hit a text here that an exception could let pass.")
    return entry, hits


def _form(look: Look, event: Event, hits: list[RuleHit], form: Any, problems: tuple[str, ...]) -> Page:
    today = look.now.date()
    values: dict[str, Any] = {
        "event": event,
        "hits": hits,
        "form": form,
        "problems": problems,
        "first": today,
        "usual": today + timedelta(days=DAYS),
        "last": today + timedelta(days=MOST_DAYS),
        "max_reason": MAX_REASON,
    }
    return Page("wrong.html", "This was wrong", "events", values, 400 if problems else 200)


def _read(look: Look, hits: list[RuleHit]) -> tuple[Wrong | None, tuple[str, ...]]:
    form, problems = look.form, []
    text = form.get("text", "")
    words = form.get("words", "").strip() if form.get("kind") == "text" else ""
    reason = " ".join(form.get("reason", "").split())
    number = form.get("hit", "0")
    hit = hits[int(number)] if number.isascii() and number.isdigit() and int(number) < len(hits) else None
    expires = _date(form.get("expires", ""))
    today = look.now.date()
    if hit is None:
        problems.append("Say which finding was wrong.")
    if not text.strip():
        problems.append("Paste the text that was judged: the record does not hold it.")
    if len(text) > MAX_TEXT:
        problems.append(f"The text is longer than {MAX_TEXT:,} characters.")
    if form.get("kind") == "text" and (not words or words not in text):
        problems.append("Give the words that are to pass, as they stand in the text.")
    if not reason or len(reason) > MAX_REASON:
        problems.append(f"Give a reason of at most {MAX_REASON} characters: it is recorded with every use.")
    if expires is None or not today <= expires <= today + timedelta(days=MOST_DAYS):
        problems.append(f"Give the last day it holds, from today and at most {MOST_DAYS} days ahead.")
    if problems or hit is None or expires is None:
        return None, tuple(problems)
    origin = hit.origin or Origin.USER
    tested = form.get("tested", "") == "yes"
    return Wrong(text, words, origin, hit.rule, hit.category, reason, expires, tested), ()


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


# --- against the file ---------------------------------------------------------------------------------------


def _against(desk: Desk, event: Event, wrong: Wrong) -> tuple[Shown | None, str, str]:
    """The policy's file if it is shown, the text it would have, and the difference. For a shipped policy: a
    new file that extends it. ``ConfigError`` where the file cannot be added to."""
    name = event.policy.partition("@")[0]
    same = [one for one in desk.bench.shown() if one.id.partition("@")[0] == name]
    # Two files may have one name: the very version comes first, then one that may be changed.
    shown = min(same, key=lambda one: (one.id != event.policy, one.shipped), default=None)
    if shown is not None and not shown.shipped:
        after = amended(shown.text, wrong)
        return shown, after, difference(shown.text, after, shown.path.name)
    if name in SHIPPED:
        after = own_policy(name, wrong)
        return shown, after, difference("", after, OWN)
    raise ConfigError(
        f"the policy {name!r} is not among those shown here: put the exception into its file by hand, or name"
        " the file in the dashboard's configuration"
    )


def _review(desk: Desk, event: Event, wrong: Wrong) -> Review:
    notes: list[tuple[bool, str]] = []
    try:
        shown, after, diff = _against(desk, event, wrong)
    except ConfigError as error:
        return Review(wrong, "", "", ((False, str(error)),))
    own = shown is None or shown.shipped
    file = OWN if shown is None or shown.shipped else shown.path.name
    if own:
        notes.append(
            (True, f"A shipped policy stays as it is: {OWN} is a policy of your own that extends it.")
        )
    elif shown is not None and shown.id != event.policy:
        notes.append((False, f"The event was judged by {event.policy}; the file is now {shown.id}."))
    folder = shipped_folder() if shown is None else shown.path.parent
    try:
        changed = policy_from_text(after, file, folder, desk.bench.registry)
        notes += _tried(desk, changed, wrong)
    except SafetyError as error:
        notes.append((False, f"The changed policy cannot be used as it is:\n{error}"))
    return Review(wrong, file, diff, tuple(notes))


def _tried(desk: Desk, changed: LoadedPolicy, wrong: Wrong) -> list[tuple[bool, str]]:
    """How the changed policy's tests end: the new one, and those that there were."""
    results = desk.bench.test(changed, changed.cases)
    own = results.pop() if wrong.tested else None
    failed = [result for result in results if result.ended is not Ended.PASSED]
    if own is not None and own.ended is not Ended.PASSED:
        return [(False, f"Tried: the new test {own.ended}: {'; '.join(own.why)}")]
    lead = "Tried: the text passes" if wrong.tested else "Tried without a test of this exception"
    if not failed:
        return [(True, f"{lead}, and all tests that there were pass.")]
    return [
        (False, f"{lead}, but then the test {result.case.name!r} {result.ended}: {'; '.join(result.why)}")
        for result in failed
    ]
