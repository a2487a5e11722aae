"""Names, negations, opposites and the other words of a claim against those of its evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from safety.detectors.groundedness.comparison import Case, Manner, Mark, Slot
from safety.detectors.groundedness.index import initials
from safety.detectors.groundedness.passage import Passage, Word
from safety.detectors.groundedness.vocabulary import GERMAN, NEGATION_SIGNS, NOT_NEGATED, opposite_of

NAME_WORDS = 5  # a longer stretch of other words is another wording, not another name
LISTED = 6  # words quoted in a detail


def _listed(case: Case, words: Sequence[Word]) -> str:
    return ", ".join(dict.fromkeys(case.text[w.start : w.end] for w in words[:LISTED]))


def names(case: Case) -> Iterator[Mark]:
    """Names that stand in another's place, or that are not where the claim's other words are."""
    swapped = next((slot for slot in case.slots if _name_slot(case, slot)), None)
    if swapped is not None:
        said, theirs = case.said(swapped.claim), case.written(swapped.source)
        instead = swapped.claim[0].start, swapped.claim[-1].end, theirs
        yield Mark("name_differs", 1, f"name differs: {said} against {theirs}", instead)
    missing = [word for word in _names(case.claim) if not _known(case, word)]
    absent = [word for word in missing if not case.in_sources(word) and not _of_known_name(case, word)]
    if absent:
        detail = f"name not in the sources: {_listed(case, absent)}"
        yield Mark("name_not_in_sources", min(len(absent), 3) ** 0.5, detail)
    elif missing:
        yield Mark("name_elsewhere", 1, f"name stands elsewhere in the sources: {_listed(case, missing)}")


def _of_known_name(case: Case, word: Word) -> bool:
    """In a paraphrase: a first name or title beside a name that the window has ("Vladimir" of Lenin)."""
    if case.manner is not Manner.FREE:
        return False
    beside = (w for w in case.claim.words if abs(w.start - word.end) <= 2 or abs(word.start - w.end) <= 2)
    return any(w.capital and w.content and case.borne_out(w) for w in beside)


def _name_slot(case: Case, slot: Slot) -> bool:
    if max(len(slot.claim), len(slot.source)) > NAME_WORDS:
        return False
    mine = [w for w in slot.claim if w.content and w.stem not in {o.stem for o in slot.source}]
    theirs = [w for w in slot.source if w.content and w.stem not in {o.stem for o in slot.claim}]
    if not mine or not theirs:
        return False
    first = case.claim.words[0]
    named = any(w.shouted or (w.capital and w is not first) for w in mine)
    there = any(w.shouted or (w.capital and w is not case.best.words[0]) for w in theirs)
    shortened = {w.lower for w in (*mine, *theirs)} & {*initials(mine), *initials(theirs)}
    return (named or there) and not shortened


def _names(claim: Passage) -> Iterator[Word]:
    """Capitalised words that are not so only for their place. In German every noun has a capital: there
    only runs of two or more count."""
    words = claim.words
    if len(words) > 3 and sum(word.capital for word in words) > 0.7 * len(words):
        return  # a heading, or all in capitals
    german = sum(word.lower in GERMAN for word in words) >= 2
    for at, word in enumerate(words):
        if not (word.capital and word.content):
            continue
        joined = any(
            near.capital and near.content for near in (*words[max(at - 1, 0) : at], *words[at + 1 : at + 2])
        )
        if joined or word.shouted or not (at == 0 or german):
            yield word


def _known(case: Case, word: Word) -> bool:
    return (
        case.borne_out(word)
        or word.lower in case.index.initials
        or any(short in case.index for short in initials(case.claim.words) if word.lower[0] in short)
    )


def negation(case: Case) -> Iterator[Mark]:
    """The claim negates a word that its best unit asserts, or the other way around. In a paraphrase one
    that negates another word says enough: "not refunded" for "refunds are not available"."""
    shared = {w.stem for w in case.claim.words if w.content} & {w.stem for w in case.best.words if w.content}
    fields = set(_negated_fields(case.best)) if case.manner is Manner.RECORD else set()
    here, there = list(_negated(case.claim, 1)), list(fields or _negated(case.best, 1))
    if case.manner is Manner.FREE and here and there:
        return
    for side, negated, others in (
        ("claim", here, {*_negated(case.best, 4), *fields}),
        ("source", there, {*_negated(case.claim, 4)}),
    ):
        only = next((stem for stem in negated if stem in shared - others), None)
        if only is not None:
            yield Mark("negation", 1, f"only the {side} negates “{only}”")
            return
    claim = case.text[case.claim.start : case.claim.end]
    source = case.source[case.best.start : case.best.end]
    if len(shared) >= 3 and not claim.isascii() and _signed(claim) != _signed(source):
        yield Mark("negation", 1, "only one of claim and source is negated")


def _signed(text: str) -> bool:
    return any(sign in text for sign in NEGATION_SIGNS)


def _negated(passage: Passage, reach: int) -> Iterator[str]:
    """The stems of the first ``reach`` content words after each negation."""
    for at, word in enumerate(passage.words):
        following = passage.words[at + 1 : at + 7]
        if not word.negates or (following and following[0].lower in NOT_NEGATED):
            continue
        yield from [w.stem for w in following if w.content and not w.negates][:reach]


def _negated_fields(passage: Passage) -> Iterator[str]:
    """In a record ``family friendly: no`` negates what stands before."""
    for at, word in enumerate(passage.words):
        if word.lower in ("no", "false"):
            yield from [w.stem for w in passage.words[max(at - 2, 0) : at] if w.content]


def opposites(case: Case) -> Iterator[Mark]:
    """A word whose opposite stands in the best unit, or right in its place."""
    for slot in case.slots:
        there = {word.lower for word in slot.source}
        for word in slot.claim:
            if (other := opposite_of(word.lower, there)) is not None:
                yield Mark("opposite_in_place", 1, f"“{word.lower}” against “{other}”")
                return
    mine = {word.lower: word.stem for word in case.claim.words}
    theirs = {word.lower: word.stem for word in case.best.words}
    turned = {*_negated(case.claim, 2), *_negated(case.best, 2)}
    only_there = theirs.keys() - mine.keys()
    for here in sorted(mine.keys() - theirs.keys()):
        other = opposite_of(here, only_there)
        if other is not None and not {mine[here], theirs[other]} & turned:
            yield Mark("opposite", 1, f"“{here}” against “{other}”")
            return


def other_words(case: Case) -> Iterator[Mark]:
    """In a copy: a word exchanged for one that the window does not have."""
    for slot in case.slots:
        strange = [w for w in slot.claim if w.content and not case.borne_out(w)]
        gone = [w for w in slot.source if w.content and w.stem not in case.claim.stems]
        if strange and gone:
            said, theirs = case.said(slot.claim), case.written(slot.source)
            yield Mark("word_differs", 1, f"“{said}” against “{theirs}”")
            return


def coverage(case: Case) -> Iterator[Mark]:
    """The share of what the claim says (rare words count more) that the window, or any source, lacks."""
    words = [w for w in case.claim.words if w.content and w.stem not in case.asked]
    total = sum(case.index.weight(w.stem) for w in words)
    if not total:
        return
    for reason, where, missing in (
        ("low_coverage", "not borne out", [w for w in words if not case.borne_out(w)]),
        ("not_in_sources", "not in the sources", [w for w in words if not case.in_sources(w)]),
    ):
        share = sum(case.index.weight(w.stem) for w in missing) / total
        if share:
            yield Mark(reason, share, f"{where}: {_listed(case, missing)}")


def added(case: Case) -> Iterator[Mark]:
    """A run of words that the window lacks; worse where it is hung on to the end of a claim."""
    content = [word for word in case.claim.words if word.content]
    longest: list[Word] = []
    run: list[Word] = []
    for word in content:
        run = [] if case.borne_out(word) else [*run, word]
        longest = max(longest, run, key=len)
    if len(longest) >= 2:
        said = f"added: {case.said(longest)}"
        yield Mark("added_words", min(len(longest) - 1, 4), said)
        if longest[-1] is content[-1]:
            yield Mark("added_tail", 1, said)
