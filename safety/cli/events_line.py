"""Entries of the record as lines: for people, or one JSON object per line.

Words carry the meaning and colour only repeats it. Labels and excerpts come from strangers: what cannot be
printed is shown escaped, so that no field can drive the terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

from safety.cli.terminal import printable
from safety.events.entry import Entry, Event, Gap, Notice, RuleHit
from safety.types import Action, Ran

SHOWN_HITS = 3  # per line

_STYLES = {
    "allow": "green",
    "annotate": "cyan",
    "redact": "yellow",
    "block": "bold red",
    "gap": "bold magenta",
    "notice": "blue",
}

Part = tuple[str, str]  # text and style


def line(entry: Entry) -> list[Part]:
    """An entry as one line: texts with their styles. Safe to print."""
    if isinstance(entry, Event):
        return _event(entry)
    return _gap(entry) if isinstance(entry, Gap) else _notice(entry)


def _event(event: Event) -> list[Part]:
    action = str(event.action)
    said = f"{action} (would {event.would})" if event.monitored else action
    return [
        (f"{_time(event.at)}  ", "dim"),
        (f"{said:<19}  ", _STYLES[action]),
        (f"{printable(event.id):<39}  ", ""),
        (f"{event.seconds * 1000:>8.1f} ms  ", "dim"),
        *_not_run(event),
        ("; ".join(_told(hit) for hit in event.hits[:SHOWN_HITS]), ""),
        (f"; and {more} more" if (more := len(event.hits[SHOWN_HITS:]) + event.more_hits) else "", ""),
        ("".join(f"  {printable(key)}={printable(value)}" for key, value in event.labels.items()), "dim"),
    ]


def _gap(gap: Gap) -> list[Part]:
    period = f"from {printable(gap.since)} to {printable(gap.until)}"
    said = f"{gap.lost} event{'s' * (gap.lost != 1)} could not be recorded {period}: {printable(gap.why)}"
    return [(f"{_time(gap.at)}  ", "dim"), (f"{'GAP':<19}  ", _STYLES["gap"]), (said, "")]


def _notice(notice: Notice) -> list[Part]:
    said = "".join(f"  {name}: {text}" for name, text in (("by", notice.by), ("about", notice.about)) if text)
    told = printable(f"{notice.what}{said}  {notice.detail}".rstrip())
    return [(f"{_time(notice.at)}  ", "dim"), (f"{'NOTICE':<19}  ", _STYLES["notice"]), (told, "")]


def _not_run(event: Event) -> list[Part]:
    failed = [run for run in event.ran if run.ran is not Ran.OK]
    if event.complete and not failed:
        return []
    told = ", ".join(f"{run.detector} {run.ran}: {run.error or 'no reason given'}" for run in failed)
    return [(f"NOT RUN {printable(told)};  ", _STYLES["gap"])]


def _told(hit: RuleHit) -> str:
    parts = [hit.rule, hit.category]
    if hit.score < 1:
        parts.append(f"{hit.score:.2f}")
    if hit.severity is not None:
        parts.append(f"severity {hit.severity}")
    if hit.excused is not None:
        parts.append(f"excused: {hit.excused}")
    elif not hit.enforced and hit.action is not Action.ALLOW:
        parts.append(f"monitor: {hit.action}")
    return printable(" ".join([*parts, hit.excerpt]).strip())


def _time(at: str) -> str:
    return printable(f"{at[:10]} {at[11:23]}Z")


def print_entries(entries: Iterable[Entry], *, as_json: bool) -> None:
    """Writes each entry to standard output as it comes, in colour on a terminal."""
    write = _json_line if as_json else _printer()
    for entry in entries:
        write(entry)
        sys.stdout.flush()


def _json_line(entry: Entry) -> None:
    sys.stdout.write(entry.to_json() + "\n")


def _printer() -> Callable[[Entry], None]:
    if not sys.stdout.isatty():
        return lambda entry: _plain(line(entry))
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, markup=False, emoji=False)
    return lambda entry: console.print(Text.assemble(*line(entry)), soft_wrap=True)


def _plain(parts: list[Part]) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    text = "".join(text for text, _ in parts).rstrip()
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
