"""Finds, in an answer, everything that a browser or a chat window may load or follow.

Address first: one pass finds the addresses, each in its opening (``](``, ``src=``, ``url(`` or bare), then a
bounded look to both sides tells the construct around it. Every step is linear or bounded, whatever the
text. It does not follow CommonMark to the letter: where renderers differ, it finds more rather than less.
Addresses put together by scripts are not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import re2

from safety.detectors.text import encodable

_LOOK = 2048  # how far a tag may reach to either side of its address, in code points
_MAX_URL = 65_536

_REF = r"&\#?\w{1,8};"  # a character reference: browsers resolve it before they read the scheme
_START = re.compile(
    rf"""(?: (?P<markdown>\]\(\s{{0,8}}<?) | (?P<definition>\]:\s{{0,8}}<?)
           | (?P<attribute>(?<![\w-])(?P<name>src|srcset|imagesrcset|href|action|formaction|data|poster|ping
               |background|cite|longdesc|manifest|code|archive|content)\s{{0,8}}=\s{{0,8}}(?P<quote>["']?)
               (?:\s{{0,8}}\d{{1,5}}\s{{0,4}};\s{{0,4}}url\s{{0,4}}=)?\s{{0,8}})
           | (?P<css>(?:(?<!\w)url\(|@import\b)\s{{0,8}}["']?) )
         (?: (?:[a-z]|{_REF}) (?:[a-z0-9+.\-\t\r\n]|{_REF}){{0,40}} (?::|&colon;)
           | [/\\]{{2}} | &\#\w{{1,8}}; )
       | (?<![a-z0-9]) (?P<bare> (?:https?|wss?|ftp):[/\\]+ | mailto: | (?<![\w.@/-])www\. )""",
    re.IGNORECASE | re.VERBOSE,
)
# What every construct has: nothing else is worth the pass.
_GATE = re2.compile(r"(?i)[a-z][a-z0-9+.\-]{1,40}:\S|(?:javascript|vbscript|data):|www\.|[/\\]{2}|&#|&colon;")
DESTINATION = re.compile(r"(?>(?:[^\s()<>\\]+|\\.|\((?:[^\s()<>\\]|\\.)*+\))*)", re.DOTALL)
CLOSE = re.compile(r"""\s{0,8}(?:"[^"]{0,1000}+"|'[^']{0,1000}+'|\([^()]{0,1000}+\))?\s{0,8}\)""")
_TITLE = re.compile(
    r"""[ \t]{0,8}(?:"[^"\n]{0,1000}+"|'[^'\n]{0,1000}+'|\([^()\n]{0,1000}+\))?[ \t]{0,8}$""", re.MULTILINE
)
_ANGLED = re.compile(r"[^<>\n]*+")
_CANDIDATE = re.compile(r"[^\s\"'<>`,]*+")
_UNQUOTED = re.compile(r"[^\s\"'<>`]*+")
_CSS = re.compile(r"[^\s\"'()<>;]*+")
_BARE = re.compile(r"[^\s<>\"`{}|^\x00-\x1f]*+")
_TRAILING = ".,;:!?'*_~]\\"
_TAG_NAME = re.compile(r"<[\s/\x00]{0,8}([a-zA-Z][\w:-]{0,30})")
TAG_END = re.compile(r"""(?:[^"'<>]|"[^"]*+"|'[^']*+')*+>""")
_BRACKETS = re.compile(r"\\.|\n[ \t]*\n|[\[\]]", re.DOTALL)
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})([^\n]*)$", re.MULTILINE)
_IMAGE_REFERENCE = re.compile(r"!\[([^\[\]]*+)\](?:\[([^\[\]]*+)\])?")

_FOLLOWED = frozenset((("a", "href"), ("area", "href"), ("blockquote", "cite"), ("q", "cite")))


class Kind(StrEnum):
    """What the construct is. All but ``LINK`` reach out without a click, or with a misleading one."""

    IMAGE = "markdown_image"
    LINK = "link"
    HTML = "html"


@dataclass(frozen=True, slots=True)
class Construct:
    """``text[start:end]`` is the whole construct, ``url`` the address in it as written. ``form`` says what
    it is (``img src``). ``inert``: inside a fenced code block, where nothing loads."""

    kind: Kind
    start: int
    end: int
    url: str
    form: str
    inert: bool = False


def constructs(text: str) -> list[Construct]:
    """All constructs of ``text``, by place of their address."""
    text = encodable(text)
    if _GATE.search(text) is None:
        return []
    reader = _Reader(text)
    found = list(reader.read())
    images = {_label(m[2] or m[1]) for m in _IMAGE_REFERENCE.finditer(text)} if reader.defined else set()
    fences = list(_fences(text))
    return [_settled(one, text, images, fences) for one in found]


def _settled(one: Construct, text: str, images: set[str], fences: list[tuple[int, int]]) -> Construct:
    if one.form == "definition" and _label(text[one.start + 1 : text.index("]", one.start)]) in images:
        one = replace(one, kind=Kind.IMAGE)
    inside = any(start <= one.start and one.end <= end for start, end in fences)
    return replace(one, inert=True) if inside else one


def _label(label: str) -> str:
    return " ".join(label.casefold().split())


def _fences(text: str) -> Iterator[tuple[int, int]]:
    """The fenced code blocks (CommonMark 4.5); one that is not closed reaches to the end."""
    opened: re.Match[str] | None = None
    for line in _FENCE.finditer(text):
        if opened is None:
            opened = line if line[1][0] == "~" or "`" not in line[2] else None
        elif line[1][0] == opened[1][0] and len(line[1]) >= len(opened[1]) and not line[2].strip():
            yield opened.start(), line.end()
            opened = None
    if opened is not None:
        yield opened.start(), len(text)


class _Reader:
    """One pass over one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.defined = False
        self._pairs: dict[int, int] | None = None
        self._tag: Construct | None = None

    def read(self) -> Iterator[Construct]:
        at = 0
        while found := _START.search(self.text, at):
            one, at = self._construct(found)
            yield one

    def _construct(self, found: re.Match[str]) -> tuple[Construct, int]:
        """The construct around an address, and where to read on."""
        for name, build in (
            ("markdown", self._markdown),
            ("definition", self._definition),
            ("attribute", self._attribute),
            ("css", self._css),
        ):
            if found[name] is not None:
                built = build(found)
                return built if built is not None else self._bare(found.end(name))
        return self._bare(found.start("bare"))

    def _markdown(self, found: re.Match[str]) -> tuple[Construct, int] | None:
        opened = self._opening(found.start())
        if opened is None:
            return None
        start = found.end("markdown")
        angled = self.text[start - 1] == "<"
        stop = (_ANGLED if angled else DESTINATION).match(self.text, start).end()  # type: ignore[union-attr]
        close = CLOSE.match(self.text, stop + 1 if angled else stop)
        end = close.end() if close else stop
        image = opened > 0 and self.text[opened - 1] == "!" and self.text[opened - 2 : opened - 1] != "\\"
        kind, form = (Kind.IMAGE, "markdown image") if image else (Kind.LINK, "markdown link")
        return Construct(kind, opened - image, end, self.text[start:stop], form), max(stop, found.end())

    def _definition(self, found: re.Match[str]) -> tuple[Construct, int] | None:
        opened = self._opening(found.start())
        if opened is None:
            return None
        start = found.end("definition")
        angled = self.text[start - 1] == "<"
        stop = (_ANGLED if angled else _UNQUOTED).match(self.text, start).end()  # type: ignore[union-attr]
        title = _TITLE.match(self.text, stop + angled)
        end = title.end() if title else min(stop + angled, len(self.text))
        self.defined = True
        return Construct(Kind.LINK, opened, end, self.text[start:stop], "definition"), max(stop, found.end())

    def _attribute(self, found: re.Match[str]) -> tuple[Construct, int] | None:
        text, start, name = self.text, found.end("attribute"), found["name"].lower()
        opened = text.rfind("<", max(start - _LOOK, 0), start)
        tag = _TAG_NAME.match(text, opened) if opened >= 0 else None
        if tag is None:
            return None
        quote = found["quote"]
        last = text.find(quote, start, start + _MAX_URL) if quote else -1
        if last < 0:
            quote, last = "", _UNQUOTED.match(text, start).end()  # type: ignore[union-attr]
        stop = min(last, _CANDIDATE.match(text, start).end()) if name.endswith("srcset") else last  # type: ignore[union-attr]
        close = TAG_END.match(text, last + len(quote), last + _LOOK)
        kind = Kind.LINK if (tag[1].lower(), name) in _FOLLOWED else Kind.HTML
        end = close.end() if close else last + len(quote)
        one = Construct(kind, opened, end, text[start:stop], f"{tag[1].lower()} {name}")
        self._tag = one
        return one, max(stop, found.end())

    def _css(self, found: re.Match[str]) -> tuple[Construct, int]:
        start = found.end("css")
        stop = _CSS.match(self.text, start).end()  # type: ignore[union-attr]
        end = stop
        while end < min(stop + 8, len(self.text)) and self.text[end] in " \t\n\"')":
            end += 1
            if self.text[end - 1] == ")":
                break
        return Construct(Kind.HTML, found.start(), end, self.text[start:stop], "css"), max(stop, found.end())

    def _bare(self, start: int) -> tuple[Construct, int]:
        stop = _BARE.match(self.text, start).end()  # type: ignore[union-attr]
        url = _trimmed(self.text[start:stop])
        end = start + len(url)
        if (
            self._tag is not None and self._tag.start <= start < self._tag.end
        ):  # another candidate of a srcset
            return replace(self._tag, url=url), max(stop, start + 1)
        if start and self.text[start - 1] == "<" and self.text[end : end + 1] == ">":
            return Construct(Kind.LINK, start - 1, end + 1, url, "autolink"), max(stop, start + 1)
        return Construct(Kind.LINK, start, end, url, "bare"), max(end, start + 1)

    def _opening(self, close: int) -> int | None:
        """The ``[`` that the ``]`` at ``close`` belongs to."""
        if self._pairs is None:
            self._pairs = dict(bracket_pairs(self.text))
        return self._pairs.get(close)


def _trimmed(url: str) -> str:
    """Without the punctuation and the closing parentheses that belong to the sentence (GFM 6.9)."""
    closing = url.count(")") - url.count("(")
    while url:
        if url[-1] in _TRAILING:
            url = url[:-1]
        elif url[-1] == ")" and closing > 0:
            url, closing = url[:-1], closing - 1
        else:
            break
    return url


def bracket_pairs(text: str) -> Iterator[tuple[int, int]]:
    """``(close, open)`` of every pair of square brackets within one paragraph."""
    opened: list[int] = []
    for found in _BRACKETS.finditer(text):
        if found[0] == "[":
            opened.append(found.start())
        elif found[0] == "]" and opened:
            yield found.start(), opened.pop()
        elif found[0][0] == "\n":  # a blank line ends the paragraph
            opened.clear()
