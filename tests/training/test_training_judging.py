"""What the steps say of labelled rows: the loudest window of a row, and which windows leave early."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("onnx", reason="training needs the extra 'train'; continuous integration has it")

from shipped_like import cheap, folder, tokenizer

from safety.detectors.model import HARM, Role
from safety.models.card import LOWER, STEPS, UPPER, Exit, Exits, read_card
from safety.models.encoder import Encoder
from safety.models.heads import HEADS, spoken
from safety.training.judging import Judged, judge
from safety.training.rows import Row

BOUND = st.none() | st.floats(-3, 3)
BY_HEAD = st.dictionaries(st.sampled_from(HEADS), st.builds(Exit, BOUND, BOUND))
EXITS = st.fixed_dictionaries(dict.fromkeys(STEPS, BY_HEAD))


@st.composite
def judged(draw: st.DrawFn) -> Judged:
    """Up to five rows of one to four windows each; logits around the bounds."""
    counts = draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    roles = [draw(st.sampled_from(list(Role))) for _ in counts]
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    cheap, early, dear = (
        rng.normal(0, 3, (sum(counts), wide)).astype(np.float32)
        for wide in (len(HEADS), len(HEADS), len(HEADS) + len(HARM))
    )
    owner = np.repeat(np.arange(len(counts)), counts)
    return Judged(cheap, early, dear, owner, np.repeat([int(role) for role in roles], counts))


def sure(seen: Judged, exits: Exits, head: str, window: int, steps: tuple[str, ...] = STEPS) -> float | None:
    """What the first step that is sure says."""
    for step in steps:
        logit = getattr(seen, step)[window, HEADS.index(head)]
        if exits[step].get(head, Exit()).sure(logit):
            return float(logit)
    return None


@given(judged(), EXITS, st.sampled_from(HEADS))
def test_the_loudest_window_speaks_for_its_row(seen: Judged, exits: Exits, head: str) -> None:
    alone, with_exits = [], []
    for row in range(int(seen.owner[-1]) + 1):
        mine = np.flatnonzero(seen.owner == row)
        dear = {n: float(seen.dear[n, HEADS.index(head)]) for n in mine}
        alone.append(max(dear.values()))
        early = {n: sure(seen, exits, head, n) for n in mine}
        with_exits.append(max(dear[n] if logit is None else logit for n, logit in early.items()))
    assert seen.loudest(head).tolist() == alone
    assert seen.loudest(head, exits).tolist() == with_exits


@given(judged(), EXITS, st.sampled_from(range(len(STEPS))))
def test_a_window_leaves_when_every_head_that_speaks_is_sure(seen: Judged, exits: Exits, last: int) -> None:
    expected = [
        all(
            sure(seen, exits, head, n, STEPS[: last + 1]) is not None
            for head in spoken(Role(int(seen.roles[n])))
        )
        for n in range(len(seen.owner))
    ]
    assert seen.left(exits, STEPS[last]).tolist() == expected


@given(judged(), st.sampled_from(HEADS))
def test_a_head_is_measured_on_the_windows_it_speaks_of(seen: Judged, head: str) -> None:
    mine = [n for n, role in enumerate(seen.roles) if head in spoken(Role(int(role)))]
    for logits, step in zip(seen.windows_of(head), (*STEPS, "dear"), strict=True):
        assert logits.tolist() == getattr(seen, step)[mine, HEADS.index(head)].tolist()


def test_rows_are_judged_whole_by_the_files_that_ship(tmp_path: Path) -> None:
    place = folder(tmp_path, window=20, overlap=5)
    graphs = [(place / name).read_bytes() for name in (LOWER, UPPER)]
    card, encoder = read_card(place), Encoder(*graphs, LOWER, threads=1)
    texts = ["egg river", "egg " * 36 + "evil", ""]
    rows = [Row(text, role, (None,) * len(HEADS)) for text, role in zip(texts, (0, 1, 0), strict=True)]
    seen = judge(rows, tokenizer(), cheap(), encoder, card)
    assert seen.owner.tolist() == [0, 1, 1, 1, 2]
    assert seen.roles.tolist() == [0, 1, 1, 1, 0]
    assert seen.cheap[:, 0].tolist() == [-9, -9, -9, 9, -17]  # only the last window of the long one has it
    assert seen.dear.shape == (5, len(HEADS) + len(HARM))
    alone = judge(rows[:1], tokenizer(), cheap(), encoder, card)
    assert (seen.early[0].tolist(), seen.dear[0].tolist()) == (
        alone.early[0].tolist(),
        alone.dear[0].tolist(),
    )
