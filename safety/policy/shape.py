"""What a policy file may hold, key by key: the pydantic models behind reading and behind the JSON Schema.

Private to this room: ``policy.file`` turns them into the frozen values of ``policy.model``. Whether a
category, detector or rule that is named exists is not known here.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from safety.policy.model import ON_ERROR
from safety.types import Origin, Stage

ActionName = Literal["allow", "annotate", "redact", "block"]
ModeName = Literal["enforce", "monitor"]
ID = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
POINTER = r"^(/([^~/]|~[01])*)*$"  # RFC 6901, section 3
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0}


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _seconds(value: Any) -> Any:
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        if match is None:
            raise ValueError(f"{value!r} is no duration: write 2, '2s', '500ms' or '1m'")
        return float(match[1]) * _SECONDS[match[2]]
    return value


def _filled(value: Any) -> Any:
    return {} if value is None else value


Duration = Annotated[
    float,
    Field(gt=0, le=600),
    BeforeValidator(
        _seconds,
        json_schema_input_type=Annotated[float, Field(gt=0, le=600)]
        | Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?\s*(ms|s|m)$")],
    ),
]
Categories = Annotated[
    list[str], Field(min_length=1), BeforeValidator(_listed, json_schema_input_type=str | list[str])
]
Origins = Annotated[
    list[Origin], Field(min_length=1), BeforeValidator(_listed, json_schema_input_type=Origin | list[Origin])
]
Stages = Annotated[
    list[Stage], Field(min_length=1), BeforeValidator(_listed, json_schema_input_type=Stage | list[Stage])
]
Texts = Annotated[list[str], BeforeValidator(_listed, json_schema_input_type=str | list[str])]
Count = Annotated[int, Field(ge=1)]


class Shape(BaseModel):
    """Unknown keys are refused and nothing is converted: a number is not a text."""

    model_config = ConfigDict(extra="forbid", strict=True)


class WhenShape(Shape):
    """What a rule applies to."""

    category: Categories = Field(
        description="What was found: a category, or a list. 'pii' covers 'pii.IBAN_CODE'; '*' is any."
    )
    origin: Origins | None = Field(
        default=None, description="Where the text came from: one or a list. Left out: anywhere."
    )
    stage: Stages | None = Field(
        default=None, description="'input' goes to the model, 'output' came from it. Left out: both."
    )
    min_score: float = Field(default=0.5, ge=0, le=1, description="Fires at this score (0 to 1) and above.")
    min_severity: int = Field(
        default=0, ge=0, le=7, description="Fires at this severity (0 to 7) and above; for harm categories."
    )


class RuleShape(Shape):
    """When something is found, do something."""

    id: str = Field(pattern=ID, description="Named in verdicts and events; replaces the rule it inherits.")
    when: WhenShape = Field(description="What the rule applies to.")
    action: ActionName = Field(
        description="allow records it; annotate adds a note; redact takes it out; block stops the text."
    )
    message: str = Field(default="", description="What the caller is told when this rule blocks.")
    mode: ModeName | None = Field(
        default=None,
        description="'monitor' only records what this rule would do. Left out: the policy's mode.",
    )
    replacement: str | None = Field(
        default=None, description="What stands in place of redacted text. Left out: '[CATEGORY]'."
    )

    correct: bool = Field(
        default=False,
        description="Put the finding's correction in the place of redacted text where it has one, else the"
        " replacement.",
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> RuleShape:
        if self.id == ON_ERROR:
            raise ValueError(f"the id {ON_ERROR!r} stands for checks that did not run: choose another")
        if self.replacement is not None and self.action != "redact":
            raise ValueError(f"replacement with the action {self.action}: it belongs to redact")
        if self.correct and self.action != "redact":
            raise ValueError(f"correct with the action {self.action}: it belongs to redact")
        return self


class DetectorShape(Shape):
    """What every detector takes beside its own options."""

    enabled: bool = Field(
        default=True, description="false switches the detector off; its rules then never fire."
    )
    timeout: Duration | None = Field(default=None, description="Its own time limit, for instance '500ms'.")
    on_error: ActionName | None = Field(
        default=None,
        description="What it means that this detector could not run. Left out: the policy's on_error.",
    )


class StreamShape(Shape):
    """How an answer is released while it streams."""

    mode: Literal["buffered", "windowed", "observe"] = Field(
        default="windowed",
        description="buffered holds all to the end; windowed holds back what is not judged yet; observe "
        "records and never holds.",
    )
    max_hold: int = Field(default=1200, ge=1, description="The most characters held without a sentence end.")
    overlap: int = Field(
        default=400, ge=0, description="Judged characters that are judged again with what follows."
    )

    @model_validator(mode="after")
    def _overlap_fits(self) -> StreamShape:
        if self.overlap >= self.max_hold:
            raise ValueError(f"overlap {self.overlap} is not below max_hold {self.max_hold}: make it smaller")
        return self


class LimitsShape(Shape):
    """Short for a 'limits' detector and a rule with the id 'limits'. Leave out what is not limited."""

    characters: Count | None = Field(default=None, description="Characters of all texts together.")
    messages: Count | None = Field(default=None, description="Messages in the conversation.")
    tokens: Count | None = Field(default=None, description="Tokens of all texts together, by 'tokenizer'.")
    tokenizer: str | None = Field(
        default=None, description="The wrapped model's tokenizer, needed for 'tokens'."
    )
    message_overhead: int = Field(
        default=0, ge=0, description="What the model's chat template adds per message, in tokens."
    )
    action: ActionName = Field(default="block", description="What happens beyond a limit.")
    message: str = Field(default="the request is too long", description="What the caller is told.")


class DocumentsShape(Shape):
    """Where retrieved documents stand in a request."""

    tags: Texts = Field(
        default=["documents", "document"],
        description="Elements in a user message whose content is a document.",
    )
    pointers: list[Annotated[str, Field(pattern=POINTER)]] = Field(
        default=[], description="JSON pointers into the request; '*' is any key or index."
    )


class ExceptionShape(Shape):
    """A text that is let pass, why, and until when. Exactly one of text, pattern and sha256."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": [key]} for key in ("text", "pattern", "sha256")]}
    )
    text: str | None = Field(
        None, min_length=1, description="The words found, or the whole text they are in."
    )
    pattern: str | None = Field(
        default=None, min_length=1, description="A match (RE2) that covers what was found."
    )
    sha256: str | None = Field(
        default=None,
        pattern="^[0-9a-f]{64}$",
        description="Hash of the whole text in UTF-8, in lower-case hex.",
    )
    reason: str = Field(min_length=1, description="Why; recorded with every use.")
    expires: date = Field(description="The last day it holds, as YYYY-MM-DD.")
    categories: Texts = Field(default=[], description="Only for these categories. Left out: any.")
    rules: Texts = Field(default=[], description="Only for these rules. Left out: any.")

    @model_validator(mode="after")
    def _one_way(self) -> ExceptionShape:
        given = [name for name in ("text", "pattern", "sha256") if getattr(self, name) is not None]
        if len(given) != 1:
            what = " and ".join(given) or "none of text, pattern and sha256"
            raise ValueError(f"{what} given: give exactly one of text, pattern and sha256")
        return self


class RecordShape(Shape):
    """What the record of an event holds."""

    raw_excerpts: bool = Field(
        default=False, description="true keeps excerpts as they are; else they are masked."
    )
    when_behind: Literal["slow", "sample"] = Field(
        default="slow",
        description="What to do while events come faster than they are written: slow makes requests wait;"
        " sample leaves out events of clean requests, and says how many.",
    )


class SegmentShape(Shape):
    """A text and where it came from."""

    origin: Origin = Field(description="Where the text came from.")
    text: str = Field(description="The text.")


class CaseShape(Shape):
    """A test: some texts, and what this policy must make of them."""

    name: str = Field(min_length=1, description="What the test shows.")
    stage: Stage | None = Field(
        default=None, description="What is judged. Left out: output if the test has an answer, else input."
    )
    system: str | None = Field(default=None, description="The system prompt.")
    prompt: str | None = Field(default=None, description="What the user wrote.")
    documents: Texts = Field(default=[], description="Retrieved documents.")
    tool_results: Texts = Field(default=[], description="What tools returned.")
    answer: str | None = Field(default=None, description="What the model answered.")
    segments: list[SegmentShape] = Field(default=[], description="Further texts, each with its origin.")
    expect: ActionName = Field(description="The action that must come out.")
    would: ActionName | None = Field(
        default=None, description="The action that must come out if nothing were in monitor mode."
    )
    rules: Texts = Field(default=[], description="Rules that must hit.")
    not_rules: Texts = Field(default=[], description="Rules that must not hit.")


Detectors = dict[str, Annotated[dict[str, Any], BeforeValidator(_filled)]]


class PolicyShape(Shape):
    """What is looked for in prompts and answers, and what happens when it is found."""

    version: Literal[1] = Field(description="The version of this format.")
    name: str | None = Field(
        default=None, pattern=ID, description="Named in verdicts and events. Left out: the file's name."
    )
    description: str = Field(default="", description="For people.")
    extends: str | None = Field(
        default=None,
        description="A policy to start from: default, strict, monitor, rag, or a path relative to this file.",
    )
    mode: ModeName = Field(default="enforce", description="'monitor' only records what would be done.")
    on_error: ActionName = Field(default="block", description="What it means that a detector could not run.")
    deadline: Duration = Field(
        default=2.0, description="Time for all checks of one stage: 2, '2s' or '500ms'."
    )
    detectors: Annotated[Detectors, BeforeValidator(_filled)] = Field(
        default={}, description="Options of detectors by name. A detector runs if a rule needs it."
    )
    rules: list[RuleShape] = Field(
        default=[], description="Every rule is asked; the strictest action that fires wins."
    )
    stream: StreamShape = Field(default=StreamShape(), description="How streamed answers are released.")
    limits: LimitsShape | None = Field(default=None, description="How long a request may be.")
    documents: DocumentsShape = Field(
        default=DocumentsShape(), description="Where documents stand in a request."
    )
    exceptions: list[ExceptionShape] = Field(default=[], description="Texts that are let pass.")
    record: RecordShape = Field(default=RecordShape(), description="What events hold.")
    tests: list[CaseShape] = Field(default=[], description="Run by 'safety-layer policy test'.")
