"""Words, phrases and patterns that a policy lists by hand.

Literals are found by one automaton for all lists, patterns by a linear-time engine (RE2), each in the text
as it stands and, unless a list says otherwise, in its normalised views, so that full-width, look-alike,
zero-width and spaced-out spellings are found too. Any run of white space in a term stands for any other.

It does not stem, translate or guess at misspellings: list the forms that matter, or write a pattern.
``pending`` knows terms as they are spelled, not patterns and not disguised spellings; for those the
overlap of the stream's windows has to do.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import re2
from ahocorasick_rs import AhoCorasick

from safety.detectors.normalise import Reader, ReadingDetector, View, fold
from safety.detectors.normalise.fold import scrub
from safety.detectors.text import UNSPACED, encodable, fold_case
from safety.errors import ConfigError
from safety.types import Exchange, Finding, Segment

_NAME = re.compile(r"[0-9A-Za-z._~-]{1,64}")
_ASCII_SPACE = dict.fromkeys((*range(0x09, 0x0E), *range(0x1C, 0x20)), " ")  # what str.isspace takes
_ODD_SPACE = re.compile(r"[^\S ]")
_SPACES = re.compile("  +")
_SPELLED = re2.compile(r"(?:^|[^\pL\pN])([\pL\pN](?:[\s.\-_*|/,·•~+=:]{1,3}[\pL\pN]){2,})(?:$|[^\pL\pN])")
_UNSPACED = re.compile(f"[{UNSPACED}]")


@dataclass(frozen=True, slots=True)
class ListOptions:
    """One list.

    ``terms`` are literals, ``files`` absolute paths of more of them (UTF-8, one per line, blank lines
    skipped), ``patterns`` regular expressions in RE2's syntax. ``case`` holds for both. ``whole_words`` (for
    terms): no letter or digit may adjoin, except in scripts without spaces. ``normalised``: also look where
    disguises are undone; a list that matches case then still wants the case of the term, and its patterns
    see the text as it stands only.
    """

    terms: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    case: Literal["ignore", "match"] = "ignore"
    whole_words: bool = True
    normalised: bool = True


@dataclass(frozen=True, slots=True)
class BlocklistOptions:
    """The lists by name; findings of list ``x`` have the category ``blocklist.x``."""

    lists: Mapping[str, ListOptions] = field(default_factory=dict)


class Entry(NamedTuple):
    """A term or pattern; ``label`` tells which (``term 3``, ``pattern 0``), counted through the files."""

    list: str
    label: str
    text: str
    options: ListOptions


class Match(NamedTuple):
    """An entry in ``[start, end)`` of the original text, found in the view of this kind (empty: as it is)."""

    start: int
    end: int
    entry: Entry
    view: str = ""


class Blocklist(ReadingDetector):
    """Findings ``blocklist.<list>``, one per place and list; of nested ones the widest."""

    name = "blocklist"
    categories = ("blocklist",)
    Options = BlocklistOptions
    options: BlocklistOptions

    def __init__(self, options: BlocklistOptions | None = None, *, reader: Reader | None = None) -> None:
        super().__init__(options, reader=reader)
        problems: list[str] = []
        terms, patterns = _entries(self.options, problems)
        self._exact = Terms(_with_case(terms, "match"), lambda entry: (entry.text,))
        self._folded = Terms(_with_case(terms, "ignore"), lambda entry: (fold_case(entry.text),))
        self._disguised = Terms([t for t in terms if t.options.normalised], _disguised_keys)
        self._case_patterns = Patterns(_with_case(patterns, "match"), True, problems)
        self._patterns = Patterns(_with_case(patterns, "ignore"), False, problems)
        self._prefixes = Prefixes(terms)
        self._normalised = any(e.options.normalised for e in (*terms, *patterns))
        if problems:
            raise ConfigError("; ".join(problems))

    @classmethod
    def categories_of(cls, options: BlocklistOptions) -> tuple[str, ...]:
        return tuple(f"blocklist.{name}" for name in options.lists)

    def detect(self, batch: Sequence[Exchange]) -> list[list[Finding]]:
        return [
            [finding for segment in exchange.segments for finding in self._findings(segment)]
            for exchange in batch
        ]

    def pending(self, text: str) -> int | None:
        return self._prefixes.open_at(text)

    def _findings(self, segment: Segment) -> Iterator[Finding]:
        for match in widest(self._matches(encodable(segment.text))):
            yield Finding(
                self.name,
                f"{self.name}.{match.entry.list}",
                span=segment.span(match.start, match.end),
                evidence=match.entry.label + (f" ({match.view})" if match.view else ""),
            )

    def _matches(self, text: str) -> Iterator[Match]:
        plain = Squeezed(text)
        folded = fold_case(plain.text)
        for start, end, entry in (*self._exact.find(plain.text), *self._folded.find(folded)):
            yield Match(*plain.original(start, end), entry)
        for start, end, entry in (*self._case_patterns.find(text), *self._patterns.find(text)):
            yield Match(start, end, entry)
        if self._normalised:
            yield from self._disguises(text, folded)

    def _disguises(self, text: str, folded: str) -> Iterator[Match]:
        readings = self.reader.read(text).whole()
        yield from self._spelled_out(readings[0], text)
        for view in readings:
            if view.text == folded:
                continue
            for start, end, entry in (*self._disguised.find(view.text), *self._patterns.find(view.text)):
                where = view.original(start, end)
                if entry.options.normalised and _case_fits(entry, text[slice(*where)]):
                    yield Match(*where, entry, view.kind)

    def _spelled_out(self, view: View, text: str) -> Iterator[Match]:
        """Terms of which every letter stands apart, shorter ones than the views join: ``f.o.o``."""
        for run in _SPELLED.finditer(view.text):
            low = run.start(1)
            places = [low + i for i, char in enumerate(run.group(1)) if char.isalnum()]
            joined = "".join(view.text[place] for place in places)
            for start, end, entry in self._disguised.find(joined):
                where = view.original(places[start], places[end - 1] + 1)
                if _case_fits(entry, text[slice(*where)]):
                    yield Match(*where, entry, "spelled")


def _entries(options: BlocklistOptions, problems: list[str]) -> tuple[list[Entry], list[Entry]]:
    terms: list[Entry] = []
    patterns: list[Entry] = []
    for name, one in options.lists.items():
        if not _NAME.fullmatch(name):
            problems.append(
                f"lists: {name!r} is no name: allowed are 1 to 64 letters, digits, '.', '_', '~' and '-'"
            )
        for number, term in enumerate((*one.terms, *_read(name, one.files, problems))):
            text = Squeezed(encodable(term.strip())).text
            if text:
                terms.append(Entry(name, f"term {number}", text, one))
            else:
                problems.append(f"lists.{name}.terms[{number}]: empty: allowed are 1 character or more")
        patterns += (Entry(name, f"pattern {i}", text, one) for i, text in enumerate(one.patterns))
    return terms, patterns


def _read(name: str, files: Iterable[Path], problems: list[str]) -> Iterator[str]:
    for file in files:
        try:
            lines = file.read_text("utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"lists.{name}.files: {file} cannot be read ({error}): allowed is UTF-8 text")
        else:
            yield from (line for line in lines if line.strip())


def _with_case(entries: Iterable[Entry], case: str) -> list[Entry]:
    return [entry for entry in entries if entry.options.case == case]


def _disguised_keys(entry: Entry) -> tuple[str, ...]:
    """A term as it reads in a view. A view leaves a script's own letters alone in a text of that script but
    takes a lone word of look-alikes for Latin: both are keys."""
    return tuple(key for key in {fold(entry.text), fold_case(entry.text)} if key)


def _case_fits(entry: Entry, excerpt: str) -> bool:
    return entry.options.case == "ignore" or _letters(entry.text) in _letters(scrub(excerpt))


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


class Squeezed:
    """A text with each run of white space as one space, and the way back."""

    __slots__ = ("_removed", "_runs", "text")

    def __init__(self, text: str) -> None:
        self._runs: list[int] = []  # where, in ``text``, something was removed before
        self._removed: list[int] = []  # and how much up to there
        parts: list[str] = []
        at = removed = 0
        text = text.translate(_ASCII_SPACE) if text.isascii() else _ODD_SPACE.sub(" ", text)
        for run in _SPACES.finditer(text):
            parts += (text[at : run.start()], " ")
            at = run.end()
            removed += at - run.start() - 1
            self._runs.append(at - removed)
            self._removed.append(removed)
        self.text = "".join((*parts, text[at:])) if parts else text

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The range of the original text. A range that begins or ends with a run holds part of it or all."""
        return self._back(start), self._back(end)

    def _back(self, at: int) -> int:
        runs = bisect_right(self._runs, at)
        return at + (self._removed[runs - 1] if runs else 0)


class Terms:
    """Many literals, found in one pass. ``keys`` gives the spellings under which a term is looked for."""

    def __init__(self, entries: Iterable[Entry], keys: Callable[[Entry], Iterable[str]]) -> None:
        table: dict[str, list[Entry]] = {}
        for entry in entries:
            for key in keys(entry):
                table.setdefault(key, []).append(entry)
        self._entries = list(table.values())
        self._automaton = AhoCorasick(table) if table else None

    def find(self, text: str) -> Iterator[tuple[int, int, Entry]]:
        """Every occurrence, overlapping ones too, that keeps to its list's rule for words."""
        if self._automaton is None:
            return
        for number, start, end in self._automaton.find_matches_as_indexes(text, overlapping=True):
            words = not adjoins(text, start) and not adjoins(text, end)
            for entry in self._entries[number]:
                if words or not entry.options.whole_words:
                    yield start, end, entry


def adjoins(text: str, at: int) -> bool:
    """Whether the characters on both sides of ``at`` belong to one word. An underscore parts words: listed
    words hide in identifiers."""
    if not 0 < at < len(text):
        return False
    left, right = text[at - 1], text[at]
    return left.isalnum() and right.isalnum() and not _UNSPACED.match(left) and not _UNSPACED.match(right)


class Patterns:
    """Many expressions: one automaton says which occur, and only those are searched for."""

    def __init__(self, entries: Sequence[Entry], case_sensitive: bool, problems: list[str]) -> None:
        options = re2.Options()
        options.case_sensitive = case_sensitive
        options.log_errors = False
        self._entries = entries
        self._compiled = []
        self._set = re2.Set.SearchSet(options)
        for entry in entries:
            try:
                self._compiled.append(re2.compile(entry.text, options))
                self._set.Add(entry.text)
            except (re2.error, UnicodeEncodeError) as error:
                problems.append(_refused(entry, error))
        self._always = self._set.Add("")
        try:
            self._set.Compile()
        except re2.error:  # too large together: search for each
            self._set = None

    def find(self, text: str) -> Iterator[tuple[int, int, Entry]]:
        """Every match that is not empty, of each expression without overlaps."""
        if not self._entries:
            return
        present = (self._set and self._set.Match(text)) or ()
        # RE2::Set answers "nothing" when its automaton outgrows its memory. The empty expression always
        # matches, so its absence gives that away.
        numbers = present if self._always in present else range(len(self._entries))
        for number in numbers:
            if number != self._always:
                for match in self._compiled[number].finditer(text):
                    if match.start() < match.end():
                        yield match.start(), match.end(), self._entries[number]


def _refused(entry: Entry, error: Exception) -> str:
    reason = error.args[0] if error.args else error
    said = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    place = f"lists.{entry.list}.patterns[{entry.label.partition(' ')[2]}]"
    return f"{place}: {entry.text!r} does not compile ({said}): allowed is RE2 syntax, without look-around"


class Prefixes:
    """Where a growing text ends in the beginning of a term."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._keys = sorted({fold_case(entry.text) for entry in entries})
        self._longest = max(map(len, self._keys), default=0)
        self._anywhere = any(not entry.options.whole_words for entry in entries)

    def open_at(self, text: str) -> int | None:
        """The first place from which on ``text`` is a proper prefix of a term, whatever its case."""
        low = max(len(text) - 2 * self._longest, 0)  # room for runs of white space
        tail = Squeezed(text[low:])
        folded = fold_case(tail.text)
        for at in range(max(len(folded) - self._longest, 0), len(folded)):
            if (self._anywhere or not adjoins(folded, at)) and self._opens(folded[at:]):
                return low + tail.original(at, at)[0]
        return None

    def _opens(self, piece: str) -> bool:
        after = bisect_right(self._keys, piece)
        return after < len(self._keys) and self._keys[after].startswith(piece)


def widest(matches: Iterable[Match]) -> Iterator[Match]:
    """Per list, in order of place, without those that lie inside another."""
    reached: dict[str, int] = {}
    for match in sorted(matches, key=lambda m: (m.start, -m.end, m.view, m.entry.label)):
        if match.end > reached.get(match.entry.list, 0):
            reached[match.entry.list] = match.end
            yield match


_FOO = ListOptions(terms=("foo", "bar baz"))
POSITIVES: tuple[tuple[ListOptions, str, str], ...] = (  # options, text, what is found
    (_FOO, "a FOO.", "FOO"),
    (_FOO, "bar \n\t baz!", "bar \n\t baz"),
    (_FOO, "a foo_name", "foo"),
    (_FOO, "日foo本", "foo"),
    (_FOO, "say f.o.o now", "f.o.o"),
    (_FOO, "say f o o now", "f o o"),
    (_FOO, "ｆｏｏ", "ｆｏｏ"),
    (_FOO, "f\u200boo", "f\u200boo"),
    (_FOO, "fоо", "fоо"),  # Cyrillic о
    (ListOptions(terms=("禁止",)), "これは禁止です", "禁止"),
    (ListOptions(terms=("바보",)), "너는 바보야", "바보"),
    (ListOptions(terms=("рос",)), "слово рос тут", "рос"),  # made of look-alikes only
    (ListOptions(terms=("Straße",)), "in der STRAßE", "STRAßE"),
    (ListOptions(terms=("strasse",)), "straße", "straße"),
    (ListOptions(terms=("ΟΔΟΣ",)), "οδος", "οδος"),
    (ListOptions(terms=("foo",), whole_words=False), "a seafood", "foo"),
    (ListOptions(terms=("Foo",), case="match"), "Foo", "Foo"),
    (ListOptions(terms=("Foo",), case="match"), "F\u200boo", "F\u200boo"),
    (ListOptions(patterns=(r"b[i1][a@]s",)), "B1@S", "B1@S"),
    (ListOptions(patterns=(r"foo$",)), "a foo", "foo"),
    (ListOptions(patterns=(r"foo\d",)), "ｆｏｏ７", "ｆｏｏ７"),
)
NEGATIVES: tuple[tuple[ListOptions, str], ...] = (
    (_FOO, "seafood"),
    (_FOO, "foobar"),
    (_FOO, "bar, baz"),
    (_FOO, "barbaz"),
    (ListOptions(terms=("Foo",), case="match"), "foo"),
    (ListOptions(terms=("Foo",), case="match"), "f\u200boo"),
    (ListOptions(terms=("foo",), normalised=False), "f\u200boo"),
    (ListOptions(terms=("foo",), normalised=False), "f.o.o"),
    (ListOptions(patterns=("a*",)), "bbb"),
    (ListOptions(patterns=("Foo",), case="match"), "foo"),
)
KNOWN_MISSES: tuple[tuple[ListOptions, str], ...] = (
    (_FOO, "fo.o"),  # cut into pieces of more than a letter
    (_FOO, "fooo"),
    (_FOO, "foos"),  # another form of the word
)
