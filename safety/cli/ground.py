"""``safety-layer ground``: what of an answer its sources do not bear out, and what they say instead.

The groundedness detector of a policy examines every claim of the answer; a claim with the score 0.5 or more
is not borne out, whatever the policy's rules say. Prints the answer with the wrong words marked and a block
for each such claim, or JSON; ``--html`` also writes a page with the sources beside the answer. Exit code 0
when all claims are borne out (or there are none), 1 when one is not, 2 for broken usage. It records nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from safety.cli.terminal import printable
from safety.cli.texts import STANDARD_INPUT, read_file, read_standard_input
from safety.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from safety.cli.grounding import Grounding, Source
    from safety.detectors.groundedness import Groundedness
    from safety.detectors.groundedness.examine import Examined, Sources
    from safety.guard import Guard
    from safety.types import Segment

BORNE_OUT, FINDINGS = 0, 1
WRONG, SOFT, STRONG = "red underline", "dim", "bold"

Part = tuple[str, str]  # printable text and its style


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``ground`` to the program's commands."""
    parser = subparsers.add_parser(
        "ground",
        help="show what of an answer its sources do not bear out",
        description="Show what of an answer its sources do not bear out. Exit code: 0 all claims are borne"
        " out, 1 one is not, 2 usage.",
    )
    answer = parser.add_mutually_exclusive_group(required=True)
    answer.add_argument("--answer", metavar="ANSWER", help="the answer; - reads standard input")
    answer.add_argument("--answer-file", metavar="FILE", help="read the answer from a file (UTF-8)")
    parser.add_argument(
        "--source",
        metavar="FILE",
        action="append",
        required=True,
        help="a source of the answer (UTF-8); may be given several times",
    )
    parser.add_argument("--question", metavar="QUESTION", default="", help="what the answer answers")
    parser.add_argument(
        "--policy",
        metavar="POLICY",
        default="rag",
        help="a file or the name of a shipped policy, whose options for groundedness count (default: rag)",
    )
    parser.add_argument(
        "--correct", action="store_true", help="also the answer with such claims corrected or left out"
    )
    parser.add_argument(
        "--cite", action="store_true", help="also the answer with the number of its source behind each claim"
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object; sources are numbered from 1"
    )
    parser.add_argument("--html", metavar="FILE", type=Path, help="write a page with the sources beside")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Examines and prints; 0 all claims are borne out, 1 one is not."""
    _usable(args)
    answer, texts = _answer(args), _source_texts(args)
    from safety.guard import Guard  # not before the arguments are known to be usable

    with Guard.from_policy(args.policy) as guard:
        grounding = _grounding(args, answer, texts, guard)
    if args.html is not None:
        from safety.cli.ground_page import ground_page

        _replace(args.html, ground_page(grounding, args.question))
    _show(args, grounding)
    return FINDINGS if grounding.doubtful else BORNE_OUT


# --- what is examined -------------------------------------------------------------------------------------


def _usable(args: argparse.Namespace) -> None:
    """What cannot be written is said before anything is read."""
    path: Path | None = args.html
    if path is None:
        return
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"{path}: its folder does not exist: make it first")
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder: name a file")
    inputs = [Path(name) for name in (*args.source, args.answer_file, args.policy) if name is not None]
    for output in (path, _fresh(path)):
        if any(output.exists() and output.samefile(given) for given in inputs if given.exists()):
            raise ConfigError(f"{path}: {output} is an input: name another file")


def _answer(args: argparse.Namespace) -> str:
    """The answer. The line break that ends a file is none of its own."""
    if args.answer_file is None and args.answer != STANDARD_INPUT:
        return str(args.answer)
    text = read_standard_input() if args.answer_file is None else read_file(args.answer_file)
    return text.removesuffix("\n").removesuffix("\r")


def _source_texts(args: argparse.Namespace) -> list[str]:
    """The text of each source. A blank one would be counted here and not by the detector."""
    texts = [read_file(name) for name in args.source]
    for name, text in zip(args.source, texts, strict=True):
        if not text.strip():
            raise ConfigError(f"{name}: is empty: leave it out")
    return texts


def _grounding(args: argparse.Namespace, answer: str, texts: Sequence[str], guard: Guard) -> Grounding:
    from safety.cli.grounding import Grounding
    from safety.detectors.groundedness.rewriting import cited_text
    from safety.wire.plain import answer_exchange, prompt_exchange

    detector = _detector(args.policy, guard)
    request = prompt_exchange(args.question, texts, id="ground", marks=guard.policy.documents)
    segments, sources = detector.sources(answer_exchange(answer, request))
    if not sources.texts:
        raise ConfigError(
            f"--policy {args.policy}: its groundedness reads no documents: add document to origins"
        )
    examined = detector.examined(answer, sources)
    return Grounding(
        answer,
        tuple(_sources(args, segments, sources)),
        tuple(examined),
        _corrected(answer, examined, sources, detector) if args.correct else None,
        cited_text(answer, examined) if args.cite else None,
    )


def _detector(policy: str, guard: Guard) -> Groundedness:
    from safety.detectors.groundedness import Groundedness

    for detector in guard.detectors:
        if isinstance(detector, Groundedness):
            return detector
    raise ConfigError(f"--policy {policy}: it has no rule on ungrounded text: add one, or use rag")


def _sources(
    args: argparse.Namespace, segments: Sequence[Segment | None], sources: Sources
) -> Iterator[Source]:
    """The sources by the names of their files; a policy may have texts of its own and read the question."""
    from safety.cli.grounding import Source
    from safety.wire.plain import document_path

    names = {document_path(number): name for number, name in enumerate(args.source)}
    for segment, text in zip(segments, sources.texts, strict=True):
        if segment is None:
            yield Source("the policy", text)
        else:
            yield Source(names.get(segment.path, "the question"), text, segment.start)


def _corrected(answer: str, examined: Sequence[Examined], sources: Sources, detector: Groundedness) -> str:
    """Corrections are made of the sources' words where the policy names no other kind."""
    from safety.detectors.groundedness.correction import Corrector
    from safety.detectors.groundedness.rewriting import corrected_text

    corrector = detector.corrector(sources) or Corrector(sources, lambda text: detector.worst(text, sources))
    return corrected_text(answer, examined, lambda one: corrector.correction(answer, one))


# --- what is printed --------------------------------------------------------------------------------------


def _replace(path: Path, text: str) -> None:
    """Writes all of it or nothing."""
    _fresh(path).write_text(text, encoding="utf-8")
    _fresh(path).replace(path)


def _fresh(path: Path) -> Path:
    return path.with_name(path.name + ".new")


def _show(args: argparse.Namespace, grounding: Grounding) -> None:
    if args.json:
        sys.stdout.write(json.dumps(grounding.as_json()) + "\n")
        return
    from rich.console import Console

    show(grounding, Console(highlight=False))


def show(grounding: Grounding, console: Console) -> None:
    """Prints the answer, a block per claim that is not borne out, the summary, and what was rewritten."""
    from rich.text import Text

    def fitting(text: str) -> str:
        return text.encode(console.encoding, "backslashreplace").decode(console.encoding)

    for line in _told(grounding):
        parts = ((fitting(text), style) for text, style in line)
        console.print(Text.assemble(*parts), soft_wrap=True)


def _told(grounding: Grounding) -> Iterator[list[Part]]:
    yield list(_answer_parts(grounding))
    for number, one in grounding.doubtful:
        yield []
        yield from _block(grounding, number, one)
    yield []
    yield [(grounding.summary, STRONG)]
    for title, text in (("Corrected:", grounding.corrected), ("Cited:", grounding.cited)):
        if text is not None:
            yield from ([], [(title, STRONG)], [(_lines(text) or "(nothing is left)", "")])


def _answer_parts(grounding: Grounding) -> Iterable[Part]:
    """The answer. The marks around wrong words are seen without colours, too."""
    for piece in grounding.pieces():
        shown = _lines(piece.text)
        if piece.wrong:
            yield from (("⟦", ""), (shown, WRONG), (f"⟧[^{piece.claim}]", ""))
        else:
            yield shown, ""


def _block(grounding: Grounding, number: int, one: Examined) -> Iterator[list[Part]]:
    from safety.cli.grounding import kind

    yield [
        (f"[^{number}] {one.score:.2f}  ", STRONG),
        (kind(one), WRONG if one.contradicted else STRONG),
        (f": {printable(one.reason.detail)}", ""),
    ]
    place = grounding.nearest(one)
    if place is None:
        if one.reason.reason != "no_evidence":  # which says it already
            yield [("     no source speaks of this", "")]
        return
    start, end = grounding.where(place)
    name = printable(grounding.sources[place.number - 1].name)
    words = printable(" ".join(grounding.quoted(place).split()))
    yield [(f"     nearest: [{place.number}] {name} {start}-{end}: ", SOFT), (words, "")]


def _lines(text: str) -> str:
    from safety.cli.grounding import lines_of

    return "\n".join(lines_of(text))
