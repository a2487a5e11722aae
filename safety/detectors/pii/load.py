"""Presidio's recognisers, taken apart: their patterns, validators and context words, without its engine.

The engine wants a language model for context words, and each recogniser builds an explanation object per
match; both cost more than the matching. This is the one file that imports Presidio and its libraries, and it
does so when a detector is built, not when it is imported. Nothing here reads the network.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

from safety.detectors.pii.context import normal
from safety.detectors.pii.email import Emails
from safety.detectors.pii.phone import Phones
from safety.detectors.pii.recognizers import Recognizer
from safety.detectors.pii.table import EMAIL, PHONE, Row
from safety.errors import ConfigError

AnyRecognizer = Recognizer | Phones | Emails


def load(rows: Sequence[Row], regions: tuple[str, ...]) -> tuple[AnyRecognizer, ...]:
    """The recognisers of ``rows``, in order; ``regions`` as in ``PiiOptions``. ``ConfigError`` for a region
    without a number plan."""
    presidio = _presidio()
    plans = _number_plans(regions)
    return tuple(
        Phones(row, _phrases(row, ()), regions, plans)
        if row.entity == PHONE
        else _recognizer(row, getattr(presidio, row.recognizer)())
        for row in rows
    )


# Libraries that Presidio imports where they are installed, for engines that are not used here: they would
# cost seconds, and hundreds of megabytes.
_UNUSED = ("gliner", "stanza", "torch", "transformers")


def _presidio() -> Any:
    """Presidio's recognisers, without what its engines would import. Whoever wants those engines in the same
    process imports ``presidio_analyzer`` first."""
    hidden = [name for name in _UNUSED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type] # None: the import system's "not there"
    try:
        return importlib.import_module("presidio_analyzer.predefined_recognizers")
    finally:
        for name in hidden:
            del sys.modules[name]


def _recognizer(row: Row, source: Any) -> Recognizer | Emails:
    if row.entity == EMAIL:
        pattern = re.compile(source.patterns[0].regex, re.IGNORECASE)
        return Emails(row, _phrases(row, source.context), pattern, _domain_check())
    patterns = [source.patterns[k] for k in row.only] if row.only else source.patterns
    expressions = [(p.regex, p.score) for p in patterns]
    if row.more:
        expressions.append((row.more, expressions[0][1]))
    return Recognizer(
        row=row,
        phrases=_phrases(row, source.context or ()),
        patterns=tuple((_compiled(row, p, source.global_regex_flags), score) for p, score in expressions),
        validate=source.validate_result,
        invalidate=source.invalidate_result,
        checked="validate_result" in vars(type(source)),
        hint=re.compile(row.hint) if row.hint else None,
    )


def _phrases(row: Row, own: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(normal(word) for word in row.words or own))


def _compiled(row: Row, pattern: str, presidio_flags: int) -> re.Pattern[str]:
    """Presidio's expression under the standard library's engine.

    ``(?i)`` inside is dropped: the flag is set for all. Word boundaries are ASCII: next to
    Chinese text a number still begins at its first digit.
    """
    regex = importlib.import_module("regex")  # whose flags Presidio's recognisers carry
    flags = re.DOTALL | re.MULTILINE | re.ASCII
    if int(presidio_flags) & int(regex.IGNORECASE):
        flags |= re.IGNORECASE
    return re.compile(pattern.replace("(?i)", ""), flags)


def _domain_check() -> Callable[[str], bool | None]:
    """Whether the domain of an address ends in a public suffix.

    Presidio calls ``tldextract.extract``, which fetches the list over the network on first use. Here the
    list that ships with tldextract is read, at once, and nothing is fetched or cached on disk.
    """
    tldextract = importlib.import_module("tldextract")
    extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    extract("example.com")  # reads the list now rather than in the first request
    return lambda address: extract(address).fqdn != ""


def _number_plans(regions: Sequence[str]) -> Any:
    plans: Any = importlib.import_module("phonenumbers")
    for region in regions:
        if region not in plans.SUPPORTED_REGIONS:
            raise ConfigError(
                f"regions: {region!r} has no number plan: allowed are codes such as 'US' and 'GB'"
            )
        plans.is_valid_number(plans.parse("+12125550100", region))  # plans are read on first use
    return plans
