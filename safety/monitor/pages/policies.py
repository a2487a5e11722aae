"""*Policies*: which versions judged, what their rules hit, the files as they are, and a text to try."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from safety.errors import SafetyError
from safety.monitor.bench import Shown
from safety.monitor.desk import Desk, Look, NotThere, Page
from safety.policy.explain import conclusion, not_run
from safety.types import DocumentMarks, Exchange, Origin, Stage
from safety.wire.plain import ANSWER, PROMPT, segments_of, text_segments

MAX_TEXT = 20_000  # code points that can be tried
DAYS = 30


@dataclass(frozen=True, slots=True)
class Kind:
    """What a text to be tried is: its stage, its origin and its path."""

    words: str
    stage: Stage
    origin: Origin
    path: str


KINDS = {
    "prompt": Kind("what a user writes", Stage.INPUT, Origin.USER, PROMPT),
    "answer": Kind("what a model answers", Stage.OUTPUT, Origin.ASSISTANT, ANSWER),
    "document": Kind("a retrieved document", Stage.INPUT, Origin.DOCUMENT, "/documents/0"),
    "tool_result": Kind("what a tool returns", Stage.INPUT, Origin.TOOL_RESULT, "/tool_results/0"),
}


def page(desk: Desk, look: Look) -> Page:
    """Every policy that is shown, and every version that was seen in the record."""
    since = look.now - timedelta(days=DAYS)
    shown = desk.bench.shown()
    values: dict[str, Any] = {"shown": shown, "days": DAYS, "versions": [], "rules": [], "problem": ""}
    try:
        versions = desk.figures.top("policy", since, look.now, 50)
        values["rules"] = desk.figures.top("rule", since, look.now, 30)
        values["versions"] = [(name, count, _standing(name, shown)) for name, count in versions]
    except SafetyError as error:
        values["problem"] = str(error)
    return Page("policies.html", "Policies", "policies", values)


def one(desk: Desk, look: Look) -> Page:
    """One policy's file with the numbers of its lines, and the form to try a text."""
    return _one(desk, look, {})


def tried(desk: Desk, look: Look) -> Page:
    """The same, with what the policy makes of the text that was sent. The text goes nowhere else."""
    text, kind = look.form.get("text", ""), look.form.get("kind", "prompt")
    found: dict[str, Any] = {"text": text, "kind": kind, "beside": look.form.get("beside", "")}
    if kind not in KINDS or not text.strip():
        return _one(desk, look, found | {"wrong": "Write a text, and say what it is."})
    if len(text) > MAX_TEXT or len(found["beside"]) > MAX_TEXT:
        return _one(desk, look, found | {"wrong": f"At most {MAX_TEXT:,} characters can be tried at once."})
    policy = _shown(desk, look)
    try:
        story = desk.bench.try_text(policy, exchange_of(text, KINDS[kind], found["beside"]))
    except SafetyError as error:
        return _one(desk, look, found | {"wrong": str(error)})
    told = [(one, not_run(one.outcome)) for one in story.detectors]
    return _one(desk, look, found | {"story": story, "told": told, "conclusion": conclusion(story.verdict)})


def exchange_of(text: str, kind: Kind, beside: str) -> Callable[[DocumentMarks], Exchange]:
    """The exchange in which ``text`` is judged; ``beside`` is the document that goes with it, if any."""

    def made(marks: DocumentMarks) -> Exchange:
        own = tuple(text_segments(kind.path, kind.origin, text, marks))
        documents = [beside] if beside.strip() and kind.origin is not Origin.DOCUMENT else []
        others = segments_of(documents=documents, marks=marks)
        if kind.stage is Stage.INPUT:
            return Exchange("try", kind.stage, own + others)
        return Exchange("try", kind.stage, own, others)

    return made


def _one(desk: Desk, look: Look, found: dict[str, Any]) -> Page:
    policy = _shown(desk, look)
    values: dict[str, Any] = {
        "policy": policy,
        "number": look.path["number"],
        "kinds": KINDS,
        "text": "",
        "kind": "prompt",
        "beside": "",
        "wrong": "",
        "story": None,
        "told": [],
        "conclusion": "",
        "max_text": MAX_TEXT,
    }
    return Page("policy.html", policy.name, "policies", values | found)


def _shown(desk: Desk, look: Look) -> Shown:
    number = int(look.path["number"])
    if number >= len(desk.bench.names):
        raise NotThere("No policy of that number is shown here.")
    return desk.bench.read(desk.bench.names[number])


def _standing(id: str, shown: list[Shown]) -> str:
    """How a version in the record stands to the files that are shown."""
    name = id.partition("@")[0]
    for policy in shown:
        if policy.id == id:
            return f"as {policy.name} is now"
    same = [policy for policy in shown if policy.id.partition("@")[0] == name]
    return f"{same[0].name} was changed since" if same else "not among the policies shown here"
