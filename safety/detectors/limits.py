"""How large a request may be: characters, messages, and tokens as the guarded model counts them.

Counts the text of all judged segments of the request: what the caller sent as text, tool definitions
included. It does not see images or audio, it does not cut anything, and it says nothing about answers.
Tokens are counted by the tokenizer named in the options and by nothing else: a guess would let a prompt
pass that the model then cuts off.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from safety.detectors.base import Detector, Scope
from safety.detectors.text import encodable
from safety.errors import ConfigError, MissingExtra
from safety.types import Exchange, Finding, Segment, Stage

_MESSAGE = re.compile(r"/messages/\d+(?![^/])|/prompt\Z")
# What NFKC, which some tokenizers apply, can make of a byte: U+FDFA, 3 bytes, becomes 33.
WORST_EXPANSION = 11
Count = Callable[[Sequence[Segment]], int]
TOKENIZERS = "the path of a tokenizer.json, a folder that holds one, or a Hugging Face hub name"


@dataclass(frozen=True, slots=True)
class LimitsOptions:
    """The most that is let through; ``None`` means no limit.

    ``tokenizer`` is a ``tokenizer.json``, a folder that holds one, or a name on the Hugging Face hub.
    ``message_overhead`` is what the model's chat template adds per message, in tokens: 0 counts the bare
    text; 4 is right or a little high for most templates (``<|im_start|>user<|im_sep|>`` … ``<|im_end|>``).
    """

    characters: int | None = None
    messages: int | None = None
    tokens: int | None = None
    tokenizer: str | Path | None = None
    message_overhead: int = 0

    def __post_init__(self) -> None:
        for name in ("characters", "messages", "tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}: {value} is no limit: allowed are whole numbers from 1, or null")
        if self.message_overhead < 0:
            raise ValueError(f"message_overhead: {self.message_overhead} is negative: allowed are 0 and up")
        if self.tokens is not None and not self.tokenizer:
            raise ValueError(
                f"tokenizer: missing, and tokens are not counted by guessing: allowed are {TOKENIZERS}"
            )


class Limits(Detector):
    """Findings ``limit.characters``, ``limit.messages`` and ``limit.tokens``, of the whole exchange."""

    name = "limits"
    categories = ("limit.characters", "limit.messages", "limit.tokens")
    scope = Scope.EXCHANGE
    Options = LimitsOptions
    options: LimitsOptions

    def __init__(self, options: LimitsOptions | None = None) -> None:
        """Reads the tokenizer, if tokens are limited; raises as ``load_counter`` does."""
        super().__init__(options)
        chosen = self.options
        limits: list[tuple[str, int | None, Count]] = [
            ("characters", chosen.characters, _characters),
            ("messages", chosen.messages, _messages),
        ]
        if chosen.tokens is not None:
            count = partial(_tokens, load_counter(str(chosen.tokenizer)), chosen)
            limits.append(("tokens", chosen.tokens, count))
        self._limits = [(unit, limit, count) for unit, limit, count in limits if limit is not None]

    def detect(self, batch: Sequence[Exchange]) -> list[list[Finding]]:
        return [list(self._findings(exchange)) for exchange in batch]

    def _findings(self, exchange: Exchange) -> Iterator[Finding]:
        if exchange.stage is not Stage.INPUT:
            return
        for unit, limit, count in self._limits:
            used = count(exchange.segments)
            if used > limit:
                yield Finding(self.name, f"limit.{unit}", evidence=f"{used} of {limit} {unit}")


def _characters(segments: Sequence[Segment]) -> int:
    return sum(len(segment.text) for segment in segments)


def _messages(segments: Sequence[Segment]) -> int:
    """How many of ``/messages/…`` there are, however many parts they have; a plain prompt is one. Documents
    and tool definitions beside the messages are none."""
    return len({found[0] for segment in segments if (found := _MESSAGE.match(segment.path))})


def _tokens(count: Callable[[str], int], options: LimitsOptions, segments: Sequence[Segment]) -> int:
    """The tokens of ``segments``, or a bound above them where that already keeps within the limit."""
    texts = [encodable(segment.text) for segment in segments]
    overhead = options.message_overhead * _messages(segments)
    bound = overhead + sum(map(most_tokens, texts))
    return bound if bound <= (options.tokens or 0) else overhead + sum(map(count, texts))


def most_tokens(text: str) -> int:
    """No tokenizer makes more tokens of ``text``: one per byte after normalising, and one for the space that
    some put in front."""
    size = len(text.encode())
    return 1 + (size if text.isascii() else size * WORST_EXPANSION)


def load_counter(tokenizer: str) -> Callable[[str], int]:
    """A function that counts the tokens of a text, without the special tokens of a template.

    ``tokenizer``: see ``LimitsOptions``. Reads files, and for a hub name the network, unless cached there.
    ``MissingExtra`` when the library is absent, ``ConfigError`` when the tokenizer cannot be read.
    """
    path = Path(tokenizer)
    file = path / "tokenizer.json" if path.is_dir() else path
    try:
        return _from_file(file) if file.is_file() else _from_hub(tokenizer)
    except ImportError as error:
        raise MissingExtra(
            f"tokenizer: {error.name} is not installed: pip install 'content-safety-layer[hub]'"
        ) from error
    except Exception as error:  # the libraries raise bare Exception for a broken file
        raise ConfigError(
            f"tokenizer: {tokenizer} cannot be loaded ({error}): allowed are {TOKENIZERS}"
        ) from error


def _from_file(file: Path) -> Callable[[str], int]:
    from tokenizers import Tokenizer

    loaded = Tokenizer.from_file(str(file))
    loaded.no_truncation()
    loaded.no_padding()
    return lambda text: len(loaded.encode(text, add_special_tokens=False).ids)


def _from_hub(name: str) -> Callable[[str], int]:
    from transformers import AutoTokenizer

    loaded = AutoTokenizer.from_pretrained(name)
    return lambda text: len(loaded.encode(text, add_special_tokens=False, verbose=False))


# Options, one text per message, and what is said. Nothing that has text is known to be missed.
POSITIVES: tuple[tuple[LimitsOptions, tuple[str, ...], str], ...] = (
    (LimitsOptions(characters=10), ("12345", "123456"), "11 of 10 characters"),
    (LimitsOptions(characters=1), ("e\u0301",), "2 of 1 characters"),  # code points, not what is seen
    (LimitsOptions(messages=2), ("", "", ""), "3 of 2 messages"),
)
NEGATIVES: tuple[tuple[LimitsOptions, tuple[str, ...]], ...] = (
    (LimitsOptions(), ("x" * 100_000,)),
    (LimitsOptions(characters=10), ("12345", "12345")),
    (LimitsOptions(characters=2), ("💥💥",)),
    (LimitsOptions(messages=2), ("x" * 100_000, "y")),
)
