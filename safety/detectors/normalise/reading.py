"""All readings of one text: as it stands, respelled and decoded, within fixed bounds.

Pure. ``read`` is linear in the text: derived texts are bounded in depth, number and total length, and a
bound that cut something is named in the result, so that nobody takes the rest for clean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from safety.detectors.normalise import decode, derive
from safety.detectors.normalise.characters import ASCII_FOLD
from safety.detectors.normalise.derive import Derived
from safety.detectors.normalise.fold import fold, fold_map, fold_scrubbed, scrub, scrub_map
from safety.detectors.normalise.patterns import PatternSet
from safety.detectors.normalise.view import PLAIN, RESPELLED, Late, Step, View

MAX_DEPTH = 2  # undone encodings or spellings, one inside the other
MAX_DERIVED = 512  # derived texts per text
DERIVED_PER_CHAR = 8  # total length of the derived texts, as a multiple of the text's ...
DERIVED_FREE = 16_384  # ... plus this many characters


class Unreadable(Exception):
    """Some readings of a text are missing: what was found in the others is not all there may be."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The views of one text, the text as it stands first. ``cut`` names the bounds that were reached
    (``depth`` is none of them: texts nested deeper are not looked for); if it is not empty, some derived
    texts are missing."""

    views: tuple[View, ...]
    cut: tuple[str, ...] = ()

    def whole(self) -> tuple[View, ...]:
        """The views. Raises ``Unreadable`` when a bound cut some off."""
        if self.cut:
            raise Unreadable(f"a bound was reached in undoing encodings: {', '.join(self.cut)}")
        return self.views


_WHOLE = frozenset(("url", "html", "escapes"))  # the whole text again, a little changed
_ONE_WAY = frozenset(("rot13", "reversed"))

_Deriver = Callable[[str], Iterator[Derived]]

# What may apply, told by one pass of one automaton over the scrubbed text, case folded by the pattern.
_GATES: tuple[tuple[str, _Deriver], ...] = (
    (rf"[A-Za-z0-9+/_-]{{{decode.MIN_BASE64}}}", decode.base64_text),
    (r"(?:[0-9A-Fa-f]{2}[\s:,-]{0,2}(?:0x|\\x)?){7}[0-9A-Fa-f]{2}", decode.hex_text),
    (r"[01]{8}[ ,]{0,2}[01]{8}", decode.binary_text),
    (
        r"%[0-9A-Fa-f]{2}|&(?:#[0-9xX]|[A-Za-z][A-Za-z0-9]{1,8};)|\\(?:u[{0-9A-Fa-f]|[xU][0-9A-Fa-f]|[nrt\"'/\\])",
        decode.escapes,
    ),
    (
        rf"(?:^|[^\pL\pN])[\pL\pN](?:{derive.GAP}[\pL\pN]){{4}}(?:$|[^\pL\pN])",
        derive.joined,
    ),
    (r"[A-Za-z][013457@$!|]{1,3}[A-Za-z]|(?:^|[^A-Za-z0-9])[013457@$][A-Za-z]{1,12}[013457@$]", derive.leet),
    (rf"(?i)\b(?:{'|'.join(derive.ROT13_WORDS)})\b", derive.rot13),
    (rf"(?i)\b(?:{'|'.join(derive.REVERSED_WORDS)})\b", derive.reversed_text),
    (r"[\x{00c0}-\x{024f}\x{1e00}-\x{1eff}]", derive.unaccented),
)
# Over the raw text: scrubbing takes these characters away.
_RAW_GATES: tuple[tuple[str, _Deriver], ...] = (
    (r"[\x{e0020}-\x{e007e}]", decode.tags),
    (r"[\x{fe00}-\x{fe0f}\x{e0100}-\x{e01ef}]{4}", decode.selectors),
)


# Two white-space characters with nothing visible between them: without any, ASCII text folds one to one.
_SQUEEZE = len(_GATES)
_GATE = PatternSet(
    (*(pattern for pattern, _ in _GATES), r"[\t-\r\x1c-\x1f ][\x00-\x08\x0e-\x1b\x7f]*[\t-\r\x1c-\x1f ]")
)
_RAW_GATE = PatternSet([pattern for pattern, _ in _RAW_GATES])


def read(text: str) -> Reading:
    """Every view of ``text``."""
    if text.isascii():
        gates = _GATE.match(text)
        if not gates:
            return Reading((_ascii_view(text, text.translate(ASCII_FOLD)),))
        if gates == [_SQUEEZE]:
            return Reading((_ascii_view(text, fold(text)),))
    budget = _Budget(MAX_DERIVED, DERIVED_PER_CHAR * len(text) + DERIVED_FREE)
    found = tuple(_expand(_Layer(text), budget))
    return Reading(found, tuple(sorted(budget.cut)))


def views(text: str) -> tuple[View, ...]:
    """The views of ``read``: the text as it stands first, then respelled and decoded ones. Raises
    ``Unreadable`` when a bound cut some off."""
    return read(text).whole()


def decoded(text: str) -> tuple[View, ...]:
    """The views that came out of an encoding. Raises as ``views`` does."""
    return tuple(view for view in views(text) if view.encoded)


def folded(text: str) -> View:
    """The first view alone: the text as it stands."""
    return next(_expand(_Layer(text), _Budget(0, 0)))


def _ascii_view(text: str, folding: str) -> View:
    return View(folding, PLAIN, 0, _ascii_steps(text, folding))


def _ascii_steps(text: str, folding: str) -> tuple[Step, ...]:
    # ASCII text only ever gets shorter: the same length means that nothing moved.
    return () if len(folding) == len(text) else (Late(lambda: fold_map(text)),)


@dataclass(frozen=True, slots=True)
class _Layer:
    """A text before folding: the original, or one derived from it."""

    text: str
    kind: str = ""
    depth: int = 0
    steps: tuple[Step, ...] = ()

    @property
    def last(self) -> str:
        """What was undone last."""
        return self.kind.rpartition("+")[2]

    def derive(self, derived: Derived, scrubbed: tuple[Step, ...]) -> _Layer:
        kind = f"{self.kind}+{derived.kind}" if self.kind else derived.kind
        own = () if derived.step is None else (derived.step,)
        return _Layer(derived.text, kind, self.depth + 1, (*own, *scrubbed, *self.steps))


def _leads_on(kind: str, following: str) -> bool:
    """Whether a text made by undoing ``kind`` is worth undoing ``following`` in.

    Undoing a spelling makes no encoding appear, and undoing escapes no spelling that was not there before.
    """
    if kind in RESPELLED:
        return kind == "joined" and following == "leet"
    return kind not in _ONE_WAY and (kind not in _WHOLE or following not in RESPELLED)


@dataclass(slots=True)
class _Budget:
    """What may still be derived."""

    number: int
    length: int
    cut: set[str] = field(default_factory=set)

    def take(self, text: str) -> bool:
        if self.number < 1:
            self.cut.add("number")
        elif self.length < len(text):
            self.cut.add("length")
        else:
            self.number -= 1
            self.length -= len(text)
            return True
        return False


def _expand(layer: _Layer, budget: _Budget) -> Iterator[View]:
    """The view of ``layer``, then those of the texts derived from it, depth first."""
    scrubbed = scrub(layer.text)
    folding = fold_scrubbed(scrubbed)
    text = layer.text
    unscrub: tuple[Step, ...] = () if text.isascii() else (Late(lambda: scrub_map(text)),)
    steps = _ascii_steps(scrubbed, folding) if scrubbed.isascii() else (Late(lambda: fold_map(scrubbed)),)
    yield View(folding, layer.kind or PLAIN, layer.depth, (*steps, *unscrub, *layer.steps))
    if layer.depth >= MAX_DEPTH:
        return
    for derived, below in _derived(layer.text, scrubbed, unscrub):
        if not _leads_on(layer.last, derived.kind):
            continue
        if budget.take(derived.text):
            yield from _expand(layer.derive(derived, below), budget)
        elif budget.number < 1:
            return


def _derived(
    text: str, scrubbed: str, unscrub: tuple[Step, ...]
) -> Iterator[tuple[Derived, tuple[Step, ...]]]:
    for gate in sorted(_GATE.match(scrubbed)):
        if gate != _SQUEEZE:
            for derived in _GATES[gate][1](scrubbed):
                yield derived, unscrub
    if text.isascii():
        return
    for gate in sorted(_RAW_GATE.match(text.encode("utf-8", "surrogatepass"))):
        for derived in _RAW_GATES[gate][1](text):
            yield derived, ()
