"""What ``check``, ``ground`` and ``policy explain`` are given: a text, where it came from, and documents.

Texts come as an argument, from a file or from standard input, in UTF-8. They are read as every other door
reads them. It judges nothing.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from safety.errors import ConfigError
from safety.policy.cases import MODEL_ORIGINS
from safety.types import DocumentMarks, Exchange, Origin, Stage
from safety.wire.plain import ANSWER, PROMPT, segments_of, text_segments

STANDARD_INPUT = "-"

OTHER = "/text"  # the path of a text that is neither a prompt nor an answer

_PATHS = {Origin.USER: PROMPT, Origin.ASSISTANT: ANSWER}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds TEXT, ``--file``, ``--stage``, ``--origin`` and ``--document``."""
    parser.add_argument("text", metavar="TEXT", nargs="?", help="the text; - or nothing: standard input")
    parser.add_argument("--file", metavar="FILE", help="read the text from a file (UTF-8)")
    parser.add_argument(
        "--stage",
        choices=[str(s) for s in Stage],
        help="output: the text is an answer (default: output for a model's text, else input)",
    )
    parser.add_argument(
        "--origin",
        choices=[str(o) for o in Origin],
        help="where the text came from (default: user, at output assistant)",
    )
    parser.add_argument(
        "--document",
        metavar="FILE",
        action="append",
        default=[],
        help="a document that goes with the text (UTF-8); may be given several times",
    )


def read_text(args: argparse.Namespace) -> str:
    """The text to judge. ``ConfigError`` when there is none, or two."""
    if args.file is not None:
        if args.text is not None:
            raise ConfigError("TEXT and --file: give one of them")
        return read_file(args.file)
    if args.text is not None and args.text != STANDARD_INPUT:
        return str(args.text)
    if args.text is None and sys.stdin.isatty():
        raise ConfigError("no text: give TEXT, --file FILE, or pipe it in")
    return read_standard_input()


def read_documents(args: argparse.Namespace) -> list[str]:
    """The texts of the documents."""
    return [read_file(name) for name in args.document]


def exchange_of(
    args: argparse.Namespace,
    text: str,
    documents: list[str],
    marks: DocumentMarks,
    *,
    id: str,
    prompt: str | None = None,
) -> Exchange:
    """What is judged: the text with what goes beside it, which at output is context only."""
    stage, origin = _place(args)
    path = _PATHS.get(origin, OTHER)
    if prompt is not None and path == PROMPT:
        raise ConfigError("--prompt: TEXT is the prompt: give --stage output, or another --origin")
    own = tuple(text_segments(path, origin, text, marks))
    beside = segments_of(prompt=prompt, documents=documents, marks=marks)
    return Exchange(id, stage, own + beside) if stage is Stage.INPUT else Exchange(id, stage, own, beside)


def _place(args: argparse.Namespace) -> tuple[Stage, Origin]:
    """Stage and origin of the text; either follows from the other."""
    if args.origin is None:
        stage = Stage(args.stage or Stage.INPUT)
        return stage, Origin.ASSISTANT if stage is Stage.OUTPUT else Origin.USER
    origin = Origin(args.origin)
    return Stage(args.stage or (Stage.OUTPUT if origin in MODEL_ORIGINS else Stage.INPUT)), origin


def read_file(name: str) -> str:
    """The text of a file. ``OSError`` if it cannot be read, ``ConfigError`` if it is not UTF-8."""
    return _decoded(Path(name).read_bytes(), name)


def read_standard_input() -> str:
    """All of standard input. ``ConfigError`` if it is not UTF-8."""
    return _decoded(sys.stdin.buffer.read(), "standard input")


def _decoded(data: bytes, place: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{place}: byte {error.start}: not UTF-8: convert it first") from error
