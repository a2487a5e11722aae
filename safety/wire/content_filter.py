"""Azure's content filter annotations, made from a verdict's hits.

The shapes are those of Azure OpenAI's ``content_filter_results`` (chat completions, GA 2024-02-01 and later
additions). What Azure has no word for (secrets, egress, hidden text) is in ``extras`` only. Neither ever
holds a word of the text judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from safety.types import Action, Hit, Stage, Verdict

_Row = Callable[[Sequence[Hit]], Any]

# Azure folds severities 0-7 into four words, two by two.
_WORDS = ("safe", "safe", "low", "low", "medium", "medium", "high", "high")
_HARMS = ("hate", "self_harm", "sexual", "violence")
_ATTACKS = ("jailbreak", "indirect_attack")


def results(hits: Iterable[Hit], stage: Stage) -> dict[str, Any]:
    """The annotation object: the four harms always, the two attacks always for a prompt (Azure's choice
    schema has none), and whatever else was found."""
    answer: dict[str, Any] = {key: {"filtered": False, "severity": "safe"} for key in _HARMS}
    if stage is Stage.INPUT:
        answer |= {key: {"filtered": False, "detected": False} for key in _ATTACKS}
    groups: dict[str, list[Hit]] = {}
    for hit in hits:
        groups.setdefault(hit.finding.category.partition(".")[0], []).append(hit)
    for root, group in groups.items():
        if root in _ROWS:
            key, row = _ROWS[root]
            answer[key] = row(group)
    return answer


def extras(verdict: Verdict, hits: Iterable[Hit]) -> dict[str, Any]:
    """What Azure has no field for: the event's id, the policy, and which rules fired with which score."""
    return {
        "event_id": verdict.id,
        "policy": verdict.policy,
        "rules": [
            {
                "rule": hit.rule,
                "action": str(hit.action),
                "category": hit.finding.category,
                "score": round(hit.finding.score, 4),
                "filtered": filtered(hit),
            }
            for hit in hits
        ],
    }


def filtered(hit: Hit) -> bool:
    """Whether this hit takes the text away, rather than only noting it."""
    return hit.enforced and hit.excused is None and hit.action is Action.BLOCK


def _redacted(hit: Hit) -> bool:
    return hit.enforced and hit.excused is None and hit.action is Action.REDACT


def _detected(hits: Sequence[Hit]) -> dict[str, Any]:
    return {"filtered": any(map(filtered, hits)), "detected": True}


def _harm(hits: Sequence[Hit]) -> dict[str, Any]:
    worst = max(_severity(hit) for hit in hits)
    return {"filtered": any(map(filtered, hits)), "severity": _WORDS[worst]}


def _severity(hit: Hit) -> int:
    finding = hit.finding
    severity = round(finding.score * 7) if finding.severity is None else finding.severity
    return min(max(severity, 0), 7)


def _lists(hits: Sequence[Hit]) -> dict[str, Any]:
    """One entry per list: what stands after ``blocklist.`` in the category, or the rule's id."""
    lists: dict[str, bool] = {}
    for hit in hits:
        name = hit.finding.category.partition(".")[2] or hit.rule
        lists[name] = lists.get(name, False) or filtered(hit)
    return {
        "filtered": any(lists.values()),
        "details": [{"id": name, "filtered": taken} for name, taken in lists.items()],
    }


def _personal(hits: Sequence[Hit]) -> dict[str, Any]:
    kinds: dict[str, dict[str, Any]] = {}
    for hit in hits:
        name = hit.finding.category.partition(".")[2] or "PII"
        kind = kinds.setdefault(
            name, {"sub_category": name, "detected": True, "filtered": False, "redacted": False}
        )
        kind["filtered"] = kind["filtered"] or filtered(hit)
        kind["redacted"] = kind["redacted"] or _redacted(hit)
    return _detected(hits) | {"sub_categories": list(kinds.values())}


def _ungrounded(hits: Sequence[Hit]) -> dict[str, Any]:
    places = {place for hit in hits if hit.finding.span for place in hit.finding.words or [hit.finding.span]}
    spans = sorted((place.start, place.end) for place in places)
    details = [{"completion_start_offset": start, "completion_end_offset": end} for start, end in spans]
    return _detected(hits) | {"details": details}


def _not_run(hits: Sequence[Hit]) -> dict[str, Any]:
    # The detector's own error text may name files or hosts: it is for the event, not for the client.
    names = ", ".join(dict.fromkeys(hit.finding.detector for hit in hits))
    return {"code": "content_filter_error", "message": f"not run: {names}"}


# Root of our category -> Azure's key and how it is filled.
_ROWS: dict[str, tuple[str, _Row]] = {
    "hate": ("hate", _harm),
    "self_harm": ("self_harm", _harm),
    "sexual": ("sexual", _harm),
    "violence": ("violence", _harm),
    "prompt_attack": ("jailbreak", _detected),
    "indirect_attack": ("indirect_attack", _detected),
    "blocklist": ("custom_blocklists", _lists),
    "pii": ("personally_identifiable_information", _personal),
    "ungrounded": ("ungrounded_material", _ungrounded),
    "not_run": ("error", _not_run),
}
