"""Fitting, exporting and distilling a tiny network: each step gives what the one before it meant."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'; continuous integration has it")
transformers = pytest.importorskip("transformers", reason="training needs the extra 'train'")

from shipped_like import WORDS, tokenizer  # noqa: E402

from safety.detectors.model import Role  # noqa: E402
from safety.models.cheap import Cheap  # noqa: E402
from safety.models.heads import HEADS  # noqa: E402
from safety.models.session import session  # noqa: E402
from safety.training import distil as distilling  # noqa: E402
from safety.training.distil import DistilOptions, distil  # noqa: E402
from safety.training.export import export  # noqa: E402
from safety.training.fit import Fit, batches  # noqa: E402
from safety.training.lesson import (  # noqa: E402
    Example,
    GuardFit,
    GuardLesson,
    early_loss,
    encode,
    logits_of,
    loss_of,
)
from safety.training.network import OUTPUTS, Network  # noqa: E402
from safety.training.rows import Row  # noqa: E402

KNOWN = [word for word in WORDS if word.isalpha()]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers, as transformers saves it."""
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
    )
    torch.manual_seed(3)
    folder = tmp_path_factory.mktemp("base")
    transformers.BertModel(config).save_pretrained(folder)
    return folder


def network(base: Path, **how: float) -> Network:
    torch.manual_seed(0)
    return Network(base, **{"layers": 2, "early": 1, "frozen": 0, "dropout": 0.0, **how})


def rows(number: int, seed: int = 0) -> list[Row]:
    """Rows in which the word *evil* is the attack."""
    rng = random.Random(seed)
    made = []
    for _ in range(number):
        words = rng.choices([word for word in KNOWN if word != "evil"], k=rng.randint(1, 12))
        attack = rng.random() < 0.5
        if attack:
            words.insert(rng.randint(0, len(words)), "evil")
        targets = (float(attack), None, 0.0, None, None, None)
        made.append(Row(" ".join(words), Role.SAID, targets, (0.0, None, None, None)))
    return made


# ---- fitting


def test_batches_hold_every_example_once_within_the_budget() -> None:
    examples = [Example([0] * (n % 17 + 3), row) for n, row in enumerate(rows(200))]
    made = list(batches(examples, 64, random.Random(1)))
    assert sorted(id(e) for batch in made for e in batch) == sorted(map(id, examples))
    assert all(max(len(e.ids) for e in batch) * len(batch) <= 64 for batch in made)


def test_long_texts_are_cut_where_their_kind_says_the_attack_stands() -> None:
    first, middle, last = (WORDS.index(word) for word in ("evil", "ignore", "rules"))
    words = ["evil", *["egg"] * 24, "ignore", *["egg"] * 24, "rules"]
    row = replace(rows(1)[0], text=" ".join(words), targets=(1.0,) + (None,) * 5)
    for kind, kept in (("x|end", last), ("x|middle", middle), ("x|start", first), ("x", first)):
        (example,) = encode([replace(row, kind=kind)], tokenizer(), 12, random.Random(0))
        assert len(example.ids) == 12
        assert {first, middle, last} & set(example.ids) == {kept}
        assert [WORDS[example.ids[at]] for at in (0, -1)] == ["[CLS]", "[SEP]"]


def test_long_texts_without_an_attack_are_cut_anywhere() -> None:
    words = ["evil", *["egg"] * 20, "rules"]
    row = replace(rows(1)[0], text=" ".join(words), targets=(0.0,) + (None,) * 5, kind="x|end")
    cut = {tuple(encode([row], tokenizer(), 20, random.Random(seed))[0].ids) for seed in range(40)}
    assert all(len(ids) == 20 for ids in cut)
    ends = {(WORDS.index("evil") in ids, WORDS.index("rules") in ids) for ids in cut}
    assert ends == {(True, False), (False, False), (False, True)}


def test_what_nobody_annotated_teaches_nothing() -> None:
    logits = torch.zeros(2, OUTPUTS, requires_grad=True)
    some = [Row("a", Role.SAID, (1.0, None, None, 0.0, None, None)), Row("b", Role.SAID, (None,) * 6)]
    loss_of(logits, some, GuardFit()).backward()
    assert logits.grad is not None
    assert (logits.grad != 0).nonzero().tolist() == [[0, 0], [0, 3]]


def test_the_early_heads_learn_from_the_others_and_teach_them_nothing() -> None:
    logits = torch.randn(2, OUTPUTS, requires_grad=True)
    early = torch.zeros(2, len(HEADS), requires_grad=True)
    some = [Row("a", Role.SAID, (None,) * 6), Row("b", Role.READ, (None,) * 6)]
    early_loss(early, logits, some).backward()
    assert logits.grad is None
    assert early.grad is not None
    unheard = (early.grad == 0).nonzero().tolist()
    assert unheard == [[0, HEADS.index("indirect_attack")], [1, HEADS.index("prompt_attack")]]
    close = logits.detach()[:, : len(HEADS)]
    assert early_loss(close, logits, some) == 0


def fit(
    base: Path, place: Path, epochs: int = 2, stop: int | None = None, dropout: float = 0.0
) -> Fit[Example]:
    place.mkdir(exist_ok=True)
    options = GuardFit(
        epochs=epochs, tokens=64, window=16, rate=3e-3, head_rate=1e-2, threads=1, save_every=0
    )
    said: list[str] = []
    net = network(base, dropout=dropout)
    lesson = GuardLesson(net, tokenizer(), lambda n: rows(60, seed=n), options)
    made = Fit(lesson, options, place / "fit.pt", said.append)
    if stop is not None:
        learn, left = made._learn, iter(range(stop))

        def learn_or_stop(batch: Sequence[Example]) -> float:
            if next(left, None) is None:
                raise KeyboardInterrupt
            return learn(batch)

        made._learn = learn_or_stop  # type: ignore[method-assign]
    return made


def test_it_learns_what_the_rows_say(base: Path, tmp_path: Path) -> None:
    made = fit(base, tmp_path, epochs=25)
    made.run()
    fresh = rows(80, seed=99)
    logits = logits_of(made.network, tokenizer(), fresh, 16)[:, 0]
    right = [bool(logit > 0) == (row.targets[0] == 1.0) for logit, row in zip(logits, fresh, strict=True)]
    assert sum(right) >= 0.95 * len(fresh)


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


def test_a_fit_that_is_done_is_not_done_again(base: Path, tmp_path: Path) -> None:
    fit(base, tmp_path).run()
    again = fit(base, tmp_path, stop=0)
    again.run()
    done = torch.load(tmp_path / "fit.pt", weights_only=True)["network"]
    assert all(torch.equal(values, done[name]) for name, values in again.network.state_dict().items())
    assert not again.network.training


def test_the_rate_climbs_and_falls_along_a_cosine(base: Path, tmp_path: Path) -> None:
    made = fit(base, tmp_path)
    made.options = replace(made.options, warmup=0.1)
    factors = []
    for made.step in range(101):
        made._pace(100)
        body, heads = (group["lr"] for group in made.optimizer.param_groups)
        assert heads / 1e-2 == pytest.approx(body / 3e-3)
        factors.append(body / 3e-3)
    assert factors[:11] == pytest.approx([*(n / 10 for n in range(1, 11)), 1.0])
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert factors[55] == pytest.approx(0.55)
    assert factors[100] == pytest.approx(0.1)


def test_logits_come_in_the_order_of_the_rows(base: Path) -> None:
    net, some = network(base), rows(70)
    together = logits_of(net, tokenizer(), some, 16, tokens=64)
    alone = torch.cat([logits_of(net, tokenizer(), [row], 16) for row in some])
    assert torch.allclose(together, alone, atol=1e-5)


def test_what_is_frozen_stays(base: Path, tmp_path: Path) -> None:
    frozen = network(base, frozen=1)
    before = {name: p.clone() for name, p in frozen.named_parameters()}
    options = GuardFit(epochs=1, tokens=64, window=16, threads=1)
    lesson = GuardLesson(frozen, tokenizer(), lambda _: rows(20), options)
    Fit(lesson, options, tmp_path / "fit.pt", lambda _: None).run()
    moved = {name for name, p in frozen.named_parameters() if not torch.equal(p, before[name])}
    assert {name.split(".")[2] for name in moved if ".embeddings." in name} == {"token_type_embeddings"}
    assert {name.split(".")[3] for name in moved if ".layer." in name} == {"1"}
    assert {"heads.weight", "heads.bias"} <= moved


def test_layers_above_those_wanted_are_not_there(base: Path) -> None:
    names = set(network(base, layers=1, frozen=-1).state_dict())
    assert "encoder.encoder.layer.0.output.dense.weight" in names
    assert not any(name.startswith("encoder.encoder.layer.1.") for name in names)


# ---- exporting


@pytest.mark.parametrize(("quantised", "tolerance"), [(False, 1e-4), (True, 0.15)])
def test_the_graph_says_what_the_network_says(
    base: Path, tmp_path: Path, quantised: bool, tolerance: float
) -> None:
    net = network(base).eval()
    state = {name: value.detach().numpy() for name, value in net.state_dict().items()}
    paths = tmp_path / "lower.onnx", tmp_path / "upper.onnx"
    export(state, *paths, heads=4, early=1, quantised=quantised)
    lower, upper = (session(path, "cpu", 1) for path in paths)
    rng = np.random.default_rng(0)
    for texts, tokens in ((1, 3), (3, 17), (2, 64)):
        ids = rng.integers(0, len(WORDS), (texts, tokens))
        mask = (np.arange(tokens) < rng.integers(1, tokens + 1, (texts, 1))).astype(np.int64)
        roles = rng.integers(0, 2, (texts, 1)) * mask
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": roles}
        with torch.no_grad():
            whole, early = (said.numpy() for said in net(*(torch.tensor(a) for a in given.values())))
        logits, states = lower.run(["logits", "states"], given)
        assert np.abs(logits - early).max() < tolerance
        (logits,) = upper.run(["logits"], {"states": states, "attention_mask": mask})
        assert np.abs(logits - whole).max() < tolerance


# ---- distilling


def test_the_student_learns_what_it_is_told_and_ships_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    taught = rows(400)
    examples = encode(taught, tokenizer(), 16, random.Random(0))
    targets = torch.tensor([[6.0 if row.targets[0] == 1.0 else -6.0] * len(HEADS) for row in taught])
    students: list[torch.nn.Module] = []
    monkeypatch.setattr(
        distilling,
        "_quantised",
        lambda student, make=distilling._quantised: students.append(student) or make(student),
    )
    words = torch.randn(len(WORDS), 24, generator=torch.Generator().manual_seed(1))
    model = distil(
        examples,
        targets,
        words,
        DistilOptions(size=8, hidden=16, epochs=15, batch=32, rate=0.02),
        lambda _: None,
    )
    assert isinstance(model, Cheap)
    fresh = encode(rows(100, seed=5), tokenizer(), 16, random.Random(0))
    said = np.stack([model.logits(np.array(e.ids[1:-1], np.int32), e.row.role) for e in fresh])
    with torch.no_grad():
        student = students[0](*distilling._tensors(fresh, random.Random(0))).numpy()
    assert np.abs(said - student).max() < 0.5
    right = [bool(row[0] > 0) == (e.row.targets[0] == 1.0) for row, e in zip(said, fresh, strict=True)]
    assert sum(right) >= 0.95 * len(fresh)
