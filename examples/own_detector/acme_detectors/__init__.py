"""Finds ticket numbers such as ACME-1234: a detector in one class."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from safety.detectors.base import Detector
from safety.types import Exchange, Finding


@dataclass(frozen=True, slots=True)
class Options:
    """What a policy may set under ``detectors: ticket_numbers:``."""

    prefix: str = "ACME"


class TicketNumbers(Detector):
    """Ticket numbers: the prefix, a dash, digits."""

    name = "ticket_numbers"
    version = "1"
    categories = ("ticket_number",)
    Options = Options

    def detect(self, batch: Sequence[Exchange]) -> Sequence[Sequence[Finding]]:
        """One list of findings per exchange."""
        pattern = re.compile(rf"\b{re.escape(self.options.prefix)}-\d+\b")
        return [
            [
                Finding(self.name, "ticket_number", span=segment.span(*match.span()))
                for segment in exchange.segments
                for match in pattern.finditer(segment.text)
            ]
            for exchange in batch
        ]
