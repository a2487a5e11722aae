"""The canonical JSON of an event, written out by hand: sorted keys, no white space, ASCII.

Every request leaves two events, and ``json`` with a function per part takes four times as long. A test holds
the two against each other. Pure.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii as quoted
from typing import TYPE_CHECKING

from safety.types import Action, Ran, Stage

if TYPE_CHECKING:
    from safety.events.entry import DetectorRun, Event

ACTIONS = {action: f'"{action}"' for action in Action}
_STAGES = {stage: f'"{stage.value}"' for stage in Stage}
_RAN = {ran: f'"{ran.value}"' for ran in Ran}
_SAID = {True: "true", False: "false"}


def event_json(event: Event, hits: str = "[]", sealed: str = "") -> str:
    """The JSON of ``event`` with ``hits`` as its hits; ``sealed`` is a member where it is not empty.
    ``TypeError``, ``KeyError`` or ``ValueError`` for what is no JSON or no event."""
    return (
        f'{{"action":{ACTIONS[event.action]},"at":{quoted(event.at)}'
        f',"categories":{_texts(event.categories)},"complete":{_SAID[event.complete]}'
        f'{_ERASED if event.erased else ""},"exchange":{quoted(event.exchange)},"hits":{hits}'
        f',"id":{quoted(event.id)},"kind":"event","labels":{_labels(event)}'
        f',"more_hits":{number(event.more_hits)},"policy":{quoted(event.policy)}'
        f',"ran":[{",".join([_run(run) for run in event.ran])}],"rules":{_texts(event.rules)}'
        f'{_sealed(sealed)},"seconds":{number(event.seconds)},"stage":{_STAGES[event.stage]}'
        f',"would":{ACTIONS[event.would]}}}'
    )


def number(value: float) -> str:
    """``value`` as JSON has it. ``ValueError`` for infinities and what is no number."""
    if not isinstance(value, float):
        return int.__repr__(value)
    if value - value != 0.0:
        raise ValueError(f"{value!r} is no JSON")
    return float.__repr__(value)


_OK = Ran.OK
_ERROR = '"error":'
_ERASED = ',"erased":true'


def _sealed(sealed: str) -> str:
    return f',"sealed":"{sealed}"' if sealed else ""


def _texts(texts: tuple[str, ...]) -> str:
    return f"[{','.join(map(quoted, texts))}]" if texts else "[]"


def _labels(event: Event) -> str:
    return (
        "{" + ",".join([f"{quoted(key)}:{quoted(text)}" for key, text in sorted(event.labels.items())]) + "}"
    )


def _run(run: DetectorRun) -> str:
    name, ran, ms, findings, cached, error = run
    if ran is _OK and not findings and not cached and error is None:  # most of them
        return f'{{"detector":{quoted(name)},"ms":{number(ms)},"ran":"ok"}}'
    # What is at its default is left out.
    return (
        f'{{{_member("cached", cached)}"detector":{quoted(name)},'
        f"{'' if error is None else f'{_ERROR}{quoted(error)},'}{_member('findings', findings)}"
        f'"ms":{number(ms)},"ran":{_RAN[ran]}}}'
    )


def _member(name: str, count: int) -> str:
    return f'"{name}":{number(count)},' if count else ""
