"""What one entry of the record counts as: pairs of dimension and name, with how many.

========================================  ==================================================================
``events``                                ``""``: every event
``action``, ``would``, ``stage``          the event's; ``would`` only where it is not ``allow``
``tenant model route user policy``        the label or the policy, once per event
``rule category root``                    what was hit; ``root``: the category up to its first dot
``X+action``, of each of these            ``acme|block``; only where it is not ``allow``
``user+would``                            the same with ``would``
``severity``                              ``harm.hate.6``: the worst of the category in the event
``blocked_by``                            the rules that blocked it
``failed``, ``failed+ran``                ``pii``, ``pii|late``: detectors that did not run
``added_ms``, ``detector_ms``             ``2.2``, ``pii|2.2``: the bucket's upper bound (``buckets``)
``lost``                                  events not recorded: ``lost``, ``sampled`` or ``unreadable``
``notice``                                what a notice is about
========================================  ==================================================================

Pure. It does not add up or store anything (``tallies``). Names come from clients: they are made storable
here, and how many different ones are kept is bounded by ``folding``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from safety.events.entry import Entry, Event, Gap
from safety.events.seal import storable
from safety.monitor.buckets import ADDED_MS, DETECTOR_MS, bucket
from safety.types import Action, Ran

SAMPLED = "sampled"  # how the ``why`` of a gap begins that stands for events left out on purpose

Tally = tuple[str, str, int]
UserKey = Callable[[str], str]

# Dimensions named by a label. Each has a pair with the action beside it: "tenant+action" counts "acme|block",
# but nothing that was allowed: that is what the others leave of "tenant".
LABELS = ("tenant", "model", "route", "user")


def as_it_is(user: str) -> str:
    """The user label itself as the name that users are counted under."""
    return user


def minute_of(at: str) -> int:
    """The minute, counted from 1970, of a time as entries have it. ``ValueError`` for anything else."""
    return int(datetime.fromisoformat(at).timestamp() // 60)


def tally(entry: Entry, user_key: UserKey = as_it_is) -> Iterator[Tally]:
    """``(dimension, name, how many)`` of all that ``entry`` counts as.

    An event counts once under ``events`` and under each of its names; several hits of one category are one.
    Pairs (``rule+action``) carry the action of the event, not of the hit, and leave out what was allowed.
    ``would`` and ``user+would`` say the action were nothing in monitor mode, and leave out the same.
    ``user_key`` turns the user label into the name to count it under.
    """
    if isinstance(entry, Event):
        yield from _of_event(entry, user_key)
    elif isinstance(entry, Gap):
        yield ("lost", SAMPLED if entry.why.startswith(SAMPLED) else "lost", entry.lost)
    else:  # a notice: what people and the system did
        yield ("notice", storable(entry.what), 1)


def _of_event(event: Event, user_key: UserKey) -> Iterator[Tally]:
    action = str(event.action)
    yield ("events", "", 1)
    yield ("action", action, 1)
    yield ("stage", event.stage.value, 1)
    yield ("added_ms", bucket(ADDED_MS, event.seconds * 1000), 1)
    for of, name in _names(event, user_key):
        yield (of, name, 1)
        if event.action > Action.ALLOW:
            yield (f"{of}+action", f"{name}|{action}", 1)
        if of == "user" and event.would > Action.ALLOW:
            yield ("user+would", f"{name}|{event.would}", 1)
    if event.would > Action.ALLOW:
        yield ("would", str(event.would), 1)
    yield from _of_runs(event)
    if event.hits:
        yield from _of_hits(event)


def _names(event: Event, user_key: UserKey) -> Iterator[tuple[str, str]]:
    """Each dimension that has a pair with the action, and the event's name in it."""
    for label in LABELS:
        value = event.labels.get(label)
        if value:
            yield label, storable(user_key(value) if label == "user" else value)
    yield "policy", storable(event.policy)
    for of, names in (("rule", event.rules), ("category", event.categories)):
        for name in _distinct(names):
            yield of, name
    for root in _distinct(tuple(name.partition(".")[0] for name in event.categories)):
        yield "root", root


def _of_runs(event: Event) -> Iterator[Tally]:
    for run in event.ran:
        name = storable(run.detector.partition("@")[0])  # one line in a chart, whatever its version
        if run.ran is Ran.OK:
            yield ("detector_ms", f"{name}|{bucket(DETECTOR_MS, run.ms)}", 1)
        else:
            yield ("failed", name, 1)
            yield ("failed+ran", f"{name}|{run.ran}", 1)


def _of_hits(event: Event) -> Iterator[Tally]:
    worst: dict[str, int] = {}
    for hit in event.hits:
        if hit.severity is not None:
            worst[hit.category] = max(hit.severity, worst.get(hit.category, 0))
    for category, severity in worst.items():
        yield ("severity", f"{storable(category)}.{severity}", 1)
    if event.action is Action.BLOCK:
        blocking = (hit for hit in event.hits if hit.enforced and hit.excused is None)
        for rule in _distinct(tuple(hit.rule for hit in blocking if hit.action is Action.BLOCK)):
            yield ("blocked_by", rule, 1)


def _distinct(names: tuple[str, ...]) -> dict[str, None]:
    return dict.fromkeys(map(storable, names))
