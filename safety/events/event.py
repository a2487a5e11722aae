"""Making events and notices: what one verdict, or one act, leaves in the record.

``make_event`` is pure: it takes the verdict, the time and whether excerpts may be raw. It does not decide
anything and writes nothing (``log``). The values themselves are in ``entry``.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from operator import attrgetter

from safety.events.entry import DetectorRun as DetectorRun
from safety.events.entry import Entry as Entry
from safety.events.entry import Event as Event
from safety.events.entry import Gap as Gap
from safety.events.entry import Notice as Notice
from safety.events.entry import RuleHit as RuleHit
from safety.events.entry import clip
from safety.events.entry import entry_from_json as entry_from_json
from safety.events.entry import timestamp as timestamp
from safety.events.mask import excerpt, mask_error
from safety.types import Hit, Ran, Verdict

MAX_HITS = 100  # hits described one by one; the strictest come first, the rest are counted
MAX_WORDS = 20  # places within one hit
# Roots of categories whose values can be searched for, by keyed hash.
KEYED = frozenset({"pii", "secret", "secrets"})


def make_event(verdict: Verdict, *, at: datetime, raw_excerpts: bool = False) -> Event:
    """What is recorded of ``verdict``. ``at`` is when it was reached, with a time zone (``ValueError``
    without one)."""
    exchange = verdict.exchange
    hits = _strictest(verdict.hits)
    return Event(
        id=f"{exchange.id}.{exchange.stage.value}",
        exchange=exchange.id,
        stage=exchange.stage,
        at=timestamp(at),
        policy=verdict.policy,
        action=verdict.action,
        would=verdict.would,
        complete=not [one for one in verdict.outcomes if one.ran is not Ran.OK],  # as ``verdict.complete``
        seconds=round(float(verdict.seconds), 6),
        labels={key: clip(value) for key, value in exchange.labels.items()},
        ran=tuple(
            [
                DetectorRun(
                    one.detector,
                    one.ran,
                    round(one.seconds * 1000, 3),
                    len(one.findings),
                    one.cached,
                    None if one.error is None else _error(verdict, one.error),
                )
                for one in verdict.outcomes
            ]
        ),
        hits=tuple([_hit(verdict, hit, raw_excerpts) for hit in hits]),
        more_hits=len(verdict.hits) - len(hits),
        rules=tuple(dict.fromkeys(hit.rule for hit in verdict.hits)) if hits else (),
        categories=tuple(sorted({hit.finding.category for hit in verdict.hits})) if hits else (),
        values=_values(verdict, hits) if hits else (),
    )


def make_notice(what: str, *, at: datetime, by: str = "", about: str = "", detail: str = "") -> Notice:
    """A notice of its own id; long texts are cut. ``ValueError`` for a time without a zone."""
    own = f"notice.{secrets.token_hex(8)}"
    return Notice(own, timestamp(at), clip(what), clip(by), clip(about), clip(detail))


def _values(verdict: Verdict, hits: tuple[Hit, ...]) -> tuple[str, ...]:
    found = []
    for finding in (hit.finding for hit in hits):
        if finding.span is None or finding.category.partition(".")[0] not in KEYED:
            continue
        segment = verdict.exchange.segment_at(finding.span)
        if segment is not None and (words := segment.excerpt(finding.span)):
            found.append(words)
    return tuple(dict.fromkeys(found))


def _strictest(hits: tuple[Hit, ...]) -> tuple[Hit, ...]:
    if len(hits) <= MAX_HITS:
        return hits
    return tuple(sorted(hits, key=attrgetter("action"), reverse=True)[:MAX_HITS])


def _hit(verdict: Verdict, hit: Hit, raw: bool) -> RuleHit:
    finding, span, support = hit.finding, hit.finding.span, hit.finding.support
    segment = None if span is None else verdict.exchange.segment_at(span)
    evidence = finding.evidence
    # The finding that stands for a failed detector carries the failure's message as its evidence.
    failed = evidence and any(evidence == outcome.error for outcome in verdict.outcomes)
    return RuleHit(
        rule=hit.rule,
        action=hit.action,
        enforced=hit.enforced,
        excused=hit.excused,
        detector=finding.detector,
        category=finding.category,
        score=round(float(finding.score), 4),
        severity=None if finding.severity is None else int(finding.severity),
        evidence=_error(verdict, evidence) if failed else clip(evidence),
        origin=None if segment is None else segment.origin,
        path=None if span is None else clip(span.path),
        start=None if span is None else int(span.start),
        end=None if span is None else int(span.end),
        excerpt="" if segment is None or span is None else excerpt(segment, span, finding.category, raw=raw),
        detail=clip(finding.detail) if raw else "",
        words=tuple((int(one.start), int(one.end)) for one in finding.words[:MAX_WORDS]),
        support=None if support is None else clip(support.path),
        support_start=None if support is None else int(support.start),
        support_end=None if support is None else int(support.end),
    )


def _error(verdict: Verdict, error: str) -> str:
    # An exception's message may quote the text it failed on. It stays in the body for good, so it is masked
    # even where excerpts, which can be erased, are raw.
    exchange = verdict.exchange
    return clip(mask_error(error, [segment.text for segment in exchange.segments + exchange.context]))
