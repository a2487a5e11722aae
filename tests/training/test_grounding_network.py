"""A tiny verifier: labels fall on the right tokens, fitting helps, the graph says what the network says."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'; continuous integration has it")
pytest.importorskip("transformers", reason="training needs the extra 'train'")

from shipped_like import WORDS, tokenizer  # noqa: E402
from tiny_base import HEADS, pair_network, saved  # noqa: E402

from safety.detectors.groundedness.pairing import Pair  # noqa: E402
from safety.models.pairs import CLAIM  # noqa: E402
from safety.models.session import session  # noqa: E402
from safety.models.tokens import CLS, SEP  # noqa: E402
from safety.training.export import export_pairs  # noqa: E402
from safety.training.fit import Fit  # noqa: E402
from safety.training.grounding.answers import Answer, Wrong  # noqa: E402
from safety.training.grounding.lesson import (  # noqa: E402
    UNKNOWN,
    PairExample,
    PairFit,
    PairLesson,
    loss_of,
    numbers,
    tensors,
)
from safety.training.grounding.pairs import Labelled  # noqa: E402

KNOWN = [word for word in WORDS if word.isalpha() and word != "evil"]
CPU = torch.device("cpu")
WINDOW = 200


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("base"))


def pair(claim: str, *wrong: str, exact: bool = True, contradicts: bool | None = True) -> Labelled:
    places = tuple(Wrong(claim.index(one), claim.index(one) + len(one), contradicts) for one in wrong)
    answer = Answer(("river",), "", claim, places, exact, "org/a")
    return Labelled(Pair("the river", "a", claim), places, exact, answer, 0)


def example(claim: str, *wrong: str, exact: bool = True, contradicts: bool | None = True) -> PairExample:
    (one,) = numbers([pair(claim, *wrong, exact=exact, contradicts=contradicts)], tokenizer(), WINDOW)
    return one


# ---- pairs as numbers


def test_labels_fall_on_the_tokens_of_the_marked_words() -> None:
    one = example("Boil xx the lunch.", "xx", "lunch")
    claim = ["boil", "x", "##x", "the", "lunch", "."]
    assert [WORDS[at] for at in one.ids] == ["[CLS]", "the", "river", "[SEP]", "a", "[SEP]", *claim, "[SEP]"]
    assert one.at == 6
    assert one.words == (0, 1, 1, 0, 1, 0)
    assert (one.unsupported, one.contradicted) == (1, 1)


def test_a_mark_of_half_a_word_is_on_the_tokens_it_touches() -> None:
    claim = "xx egg"
    half = replace(pair(claim), wrong=(Wrong(1, 2, False),))
    (one,) = numbers([half], tokenizer(), WINDOW)
    assert one.words == (0, 1, 0)
    assert (one.unsupported, one.contradicted) == (1, 0)


@pytest.mark.parametrize(
    ("one", "words", "unsupported", "contradicted"),
    [
        (example("egg lunch"), (0, 0), 0, UNKNOWN),
        (example("egg lunch", "egg", contradicts=None), (1, 0), 1, UNKNOWN),
        (example("egg lunch", "egg lunch", exact=False), (UNKNOWN, UNKNOWN), 1, 1),
        (example("egg lunch", "egg lunch", exact=False, contradicts=None), (UNKNOWN, UNKNOWN), 1, UNKNOWN),
    ],
)
def test_what_nobody_knows_is_unknown(
    one: PairExample, words: tuple[float, ...], unsupported: float, contradicted: float
) -> None:
    assert (one.words, one.unsupported, one.contradicted) == (words, unsupported, contradicted)


def test_each_part_of_a_long_claim_has_its_own_label() -> None:
    words = ["egg"] * 250
    words[240] = "evil"
    parts = list(numbers([pair(" ".join(words), "evil")], tokenizer(), WINDOW))
    assert len(parts) == 4
    assert [one.unsupported for one in parts] == [0, 0, 0, 1]
    assert [one.contradicted for one in parts] == [UNKNOWN] * 3 + [1]
    assert [sum(one.words) for one in parts] == [0, 0, 0, 1]
    for one in parts:
        assert len(one.ids) <= WINDOW
        assert len(one.words) <= CLAIM
        evil = [at for at, token in enumerate(one.ids) if WORDS[token] == "evil"]
        assert evil == [one.at + at for at, label in enumerate(one.words) if label == 1]


def test_a_claim_without_tokens_teaches_nothing() -> None:
    assert list(numbers([pair(""), pair("\u200b"), pair("egg")], tokenizer(), WINDOW)) == [example("egg")]


def test_half_a_character_is_read() -> None:
    assert len(example("egg \ud800 egg").words) >= 2


def test_types_tell_the_claim_and_the_mask_what_is_there() -> None:
    short, long = example("egg"), example("egg lunch walk")
    ids, mask, types = (table.tolist() for table in tensors([short, long], CPU))
    assert ids == [[*short.ids, 0, 0], long.ids]
    assert mask == [[1] * len(short.ids) + [0, 0], [1] * len(long.ids)]
    assert types == [[0] * short.at + [1, 0, 0, 0], [0] * long.at + [1, 1, 1, 0]]


# ---- the loss


def test_the_loss_ignores_what_is_unknown() -> None:
    batch = [
        example("egg lunch", "egg lunch", exact=False, contradicts=None),
        example("egg lunch", "egg"),
        example("egg lunch"),
    ]
    logits = torch.zeros(3, 2, requires_grad=True)
    words = torch.zeros(3, len(batch[0].ids), requires_grad=True)
    loss_of(logits, words, batch, PairFit()).backward()
    assert (logits.grad != 0).tolist() == [[True, False], [True, True], [True, False]]
    at = batch[0].at
    assert (words.grad != 0).nonzero().tolist() == [[1, at], [1, at + 1], [2, at], [2, at + 1]]
    assert [float(one) > 0 for one in logits.grad[:, 0]] == [False, False, True]
    assert [float(one) > 0 for one in words.grad[1, at : at + 2]] == [False, True]


def test_a_batch_of_which_little_is_known_has_a_loss() -> None:
    batch = [example("egg", "egg", exact=False, contradicts=None)]
    logits, words = torch.zeros(1, 2), torch.zeros(1, len(batch[0].ids))
    assert float(loss_of(logits, words, batch, PairFit())) == pytest.approx(np.log(2))


# ---- fitting


def toy(number: int, seed: int = 0) -> list[Labelled]:
    """Claims that are not borne out where the word *evil* is."""
    rng = random.Random(seed)
    made = []
    for _ in range(number):
        words = rng.choices(KNOWN, k=rng.randint(1, 8))
        wrong = rng.random() < 0.5
        if wrong:
            words.insert(rng.randint(0, len(words)), "evil")
        made.append(pair(" ".join(words), *(["evil"] if wrong else [])))
    return made


@dataclass(frozen=True, slots=True)
class Stopping(PairLesson):
    """A lesson that is broken off after so many batches."""

    left: Iterator[int] = field(default_factory=count)

    def loss(self, batch: Sequence[PairExample], device: Any) -> Any:
        if next(self.left, None) is None:
            raise KeyboardInterrupt
        return PairLesson.loss(self, batch, device)


def fit(
    base: Path, place: Path, epochs: int = 2, stop: int | None = None, dropout: float = 0.0
) -> Fit[PairExample]:
    place.mkdir(exist_ok=True)
    options = PairFit(
        epochs=epochs, tokens=96, window=WINDOW, rate=3e-3, head_rate=1e-2, threads=1, save_every=0
    )
    net, left = pair_network(base, dropout=dropout), count() if stop is None else range(stop)
    lesson = Stopping(net, tokenizer(), lambda n: toy(60, seed=n), options, iter(left))
    return Fit(lesson, options, place / "fit.pt", lambda _: None)


def test_it_learns_which_claims_and_which_words_are_wrong(base: Path, tmp_path: Path) -> None:
    made, fresh = fit(base, tmp_path, epochs=15), list(numbers(toy(60, seed=99), tokenizer(), WINDOW))
    with torch.no_grad():
        before = float(made.lesson.loss(fresh, made.device))
    made.run()
    made.network.cpu()
    with torch.no_grad():
        assert float(made.lesson.loss(fresh, CPU)) < before / 2
        logits, words = made.network(*tensors(fresh, CPU))
    assert sum(bool(said[0] > 0) == one.unsupported for said, one in zip(logits, fresh, strict=True)) >= 55
    loudest = [
        bool(row[one.at : one.at + len(one.words)].argmax() == one.words.index(1))
        for row, one in zip(words, fresh, strict=True)
        if one.unsupported
    ]
    assert sum(loudest) >= 0.9 * len(loudest)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("stop", [1, 7, 15])
def test_an_interrupted_fit_ends_as_one_that_was_not(
    base: Path, tmp_path: Path, stop: int, dropout: float
) -> None:
    whole = fit(base, tmp_path / "whole", dropout=dropout)
    whole.run()
    with pytest.raises(KeyboardInterrupt):
        fit(base, tmp_path, stop=stop, dropout=dropout).run()
    torch.manual_seed(99)  # another process has drawn other numbers
    resumed = fit(base, tmp_path, dropout=dropout)
    resumed.run()
    assert resumed.step == whole.step > 15
    for name, values in whole.network.state_dict().items():
        assert torch.allclose(values, resumed.network.state_dict()[name], atol=1e-6), name


def test_the_word_embeddings_stay(base: Path, tmp_path: Path) -> None:
    made = fit(base, tmp_path, epochs=1)
    before = {name: values.clone() for name, values in made.network.state_dict().items()}
    made.run()
    moved = {
        name for name, values in made.network.state_dict().items() if not torch.equal(values, before[name])
    }
    assert "encoder.embeddings.word_embeddings.weight" not in moved
    assert {"heads.weight", "words.weight", "encoder.embeddings.position_embeddings.weight"} <= moved
    assert {name.split(".")[3] for name in moved if ".layer." in name} == {"0", "1"}


# ---- exporting


@pytest.mark.parametrize(("quantised", "tolerance"), [(False, 1e-3), (True, 0.3)])
def test_the_graph_says_what_the_network_says(
    base: Path, tmp_path: Path, quantised: bool, tolerance: float
) -> None:
    net = pair_network(base).eval()
    state = {name: value.detach().numpy() for name, value in net.state_dict().items()}
    export_pairs(state, tmp_path / "pairs.onnx", heads=HEADS, window=WINDOW, quantised=quantised)
    graph = session(tmp_path / "pairs.onnx", "cpu", 1)
    rng = np.random.default_rng(0)
    for lengths in ((4,), (7, 30, 12), (WINDOW, 150)):
        ids, mask, types = (np.zeros((len(lengths), max(lengths)), np.int64) for _ in range(3))
        for at, length in enumerate(lengths):
            claim = int(rng.integers(2, length - 1))
            ids[at, :length] = [CLS, *rng.integers(103, len(WORDS), length - 2), SEP]
            ids[at, claim - 1], mask[at, :length], types[at, claim : length - 1] = SEP, 1, 1
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        with torch.no_grad():
            logits, words = (said.numpy() for said in net(*(torch.tensor(table) for table in given.values())))
        said, each = graph.run(["logits", "words"], given)
        assert said.shape == (len(lengths), 2)
        assert np.abs(said - logits).max() < tolerance
        assert np.abs((each - words) * mask).max() < tolerance
