"""What a signature row is."""

from __future__ import annotations

from dataclasses import dataclass

from safety.types import Origin

LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "zh", "ja")
KINDS = (
    # of prompt attacks, and of indirect attacks where they stand in a document
    "changed_rules",
    "conversation_mockup",
    "role_play",
    "encoding",
    # of indirect attacks only
    "manipulated_content",
    "access",
    "information_gathering",
    "availability",
    "fraud",
    "malware",
)


@dataclass(frozen=True, slots=True)
class Signature:
    r"""One row.

    ``pattern`` is google-re2 over folded text (lower case, accents kept, straight quotes, white space
    squeezed). A space in it stands for a space or a line end, and a dot also for a line end; a class in
    brackets says ``\s`` for a space. ``user`` and ``document`` say how sure a match is by itself, 0 to 1, in
    what a user wrote and in what came from outside; 0 switches the row off there. Several rows near each
    other add up. ``also`` names further origins, judged as ``user``.

    ``positives`` match, ``negatives`` do not and should not, ``misses`` do not but should.
    """

    id: str
    kind: str
    pattern: str
    user: float
    document: float
    positives: tuple[str, ...]
    negatives: tuple[str, ...]
    misses: tuple[str, ...]
    languages: tuple[str, ...] = ("en",)
    also: frozenset[Origin] = frozenset()

    @property
    def expression(self) -> str:
        """``pattern`` as it is compiled."""
        return "(?s)" + self.pattern.replace(" ", r"[ \n]")
