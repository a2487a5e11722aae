"""Why each rule of a policy did or did not fire on what the detectors saw.

It decides nothing: the verdict has been given; this tells its story. It quotes the text, so what it
returns belongs on a screen, not in a log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from safety.detectors.base import Driver
from safety.policy.model import Mode, Policy, Rule
from safety.types import Action, Exchange, Finding, Hit, Origin, Outcome, Ran, Segment, Verdict

Why = Callable[[Segment, Finding], Sequence[Driver]]


@dataclass(frozen=True, slots=True)
class Seen:
    """A finding with the words it is about and where they came from; none for one without a place.
    ``drivers``: the words that drove its score, with what it would lose without them."""

    finding: Finding
    excerpt: str | None
    origin: Origin | None
    drivers: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class DetectorStory:
    """How one detector's run went and what it saw."""

    outcome: Outcome
    seen: tuple[Seen, ...]


@dataclass(frozen=True, slots=True)
class RuleStory:
    """Whether a rule fired, and why or why not: one line per finding that concerns it, at least one."""

    rule: Rule
    fired: bool
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The verdict's story, detectors first. ``off`` names the detectors that the policy switches off."""

    verdict: Verdict
    detectors: tuple[DetectorStory, ...]
    rules: tuple[RuleStory, ...]
    off: tuple[str, ...]


def explain(
    policy: Policy, exchange: Exchange, verdict: Verdict, whys: Mapping[str, Why] | None = None
) -> Explanation:
    """What was seen in ``exchange`` and what every rule of ``policy`` made of it. ``whys``: by detector, how
    to learn which words drove a finding (``Detector.why``)."""
    ask = whys or {}
    stories = tuple(
        DetectorStory(outcome, tuple(_seen(exchange, one, ask.get(one.detector)) for one in outcome.findings))
        for outcome in verdict.outcomes
    )
    seen = tuple(one for story in stories for one in story.seen)
    return Explanation(
        verdict,
        stories,
        tuple(_rule(policy, exchange, verdict, rule, seen) for rule in policy.rules),
        tuple(sorted(name for name, config in policy.detectors.items() if not config.enabled)),
    )


def _seen(exchange: Exchange, finding: Finding, why: Why | None) -> Seen:
    segment = None if finding.span is None else exchange.segment_at(finding.span)
    if segment is None or finding.span is None:
        return Seen(finding, None, None)
    drivers = () if why is None else why(segment, finding)
    words = tuple((segment.text[one.start : one.end], one.fall) for one in drivers)
    return Seen(finding, segment.excerpt(finding.span), segment.origin, words)


def _rule(
    policy: Policy, exchange: Exchange, verdict: Verdict, rule: Rule, seen: tuple[Seen, ...]
) -> RuleStory:
    lines: list[str] = []
    fired = False
    for one in seen:
        if not rule.when.covers(one.finding.category):
            continue
        hit = _hit(verdict, rule, one.finding)
        fired = fired or (hit is not None and hit.excused is None)
        what = f"{one.finding.category} {one.finding.score:.2f}"
        story = ", ".join(_missed(rule, exchange, one)) if hit is None else _told(policy, rule, hit)
        lines.append(f"{what}: {story}")
    return RuleStory(rule, fired, tuple(dict.fromkeys(lines)) or (_nothing(rule, exchange, verdict),))


def _hit(verdict: Verdict, rule: Rule, finding: Finding) -> Hit | None:
    return next((hit for hit in verdict.hits if hit.rule == rule.id and hit.finding == finding), None)


def _told(policy: Policy, rule: Rule, hit: Hit) -> str:
    if hit.excused is not None:
        return f"let pass by an exception: {hit.excused}"
    if not hit.enforced:
        whose = "the rule" if rule.mode is Mode.MONITOR else "the policy"
        return f"would {hit.action}, but {whose} is in monitor mode"
    if hit.action is not rule.action:
        return f"{hit.action}, because what has no place cannot be taken out"
    return str(hit.action)


def _missed(rule: Rule, exchange: Exchange, one: Seen) -> Iterator[str]:
    """Every condition that was not met."""
    when, finding = rule.when, one.finding
    if when.stages and exchange.stage not in when.stages:
        yield f"wrong stage: {exchange.stage}, the rule asks for {_either(when.stages)}"
    if when.origins and one.origin not in when.origins:
        yield f"wrong origin: {one.origin or 'no place'}, the rule asks for {_either(when.origins)}"
    if finding.score < when.min_score:
        yield f"score {finding.score:.2f} < {when.min_score:.2f}"
    if when.min_severity and (finding.severity or 0) < when.min_severity:
        yield f"severity {finding.severity or 0} < {when.min_severity}"


def _nothing(rule: Rule, exchange: Exchange, verdict: Verdict) -> str:
    if rule.when.stages and exchange.stage not in rule.when.stages:
        return f"asks for the {_either(rule.when.stages)} stage, this is {exchange.stage}"
    origins = {segment.origin for segment in exchange.segments}
    if rule.when.origins and not origins & rule.when.origins:
        return f"asks for text from {_either(rule.when.origins)}, there is {_either(origins) or 'none'}"
    partly = "" if verdict.complete else ", but not every detector ran"
    return f"nothing found in {', '.join(rule.when.categories)}{partly}"


def _either(names: frozenset[Origin] | frozenset[object] | set[Origin]) -> str:
    return " or ".join(sorted(str(name) for name in names))


def not_run(outcome: Outcome) -> str | None:
    """Why a detector's findings are missing, or ``None``."""
    return None if outcome.ran is Ran.OK else f"{outcome.ran}: {outcome.error}"


def conclusion(verdict: Verdict) -> str:
    """The outcome in one line."""
    by = ", ".join(dict.fromkeys(hit.rule for hit in verdict.deciding))
    line = f"{verdict.action}" + (f" by {by}" if by and verdict.action is not Action.ALLOW else "")
    return line if verdict.would is verdict.action else f"{line} (would {verdict.would}: monitor mode)"
