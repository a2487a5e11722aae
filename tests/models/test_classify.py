from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.detectors.model import ModelOptions, Opinion, Passage, Role
from safety.errors import ConfigError
from safety.models.classify import (
    BUDGET,
    MULTI,
    Classifier,
    Frame,
    Head,
    Network,
    Tokens,
    make_frame,
    make_head,
    opinions,
    probabilities,
    said_of,
    shifted,
    try_out,
)

SAID, READ = Role.SAID, Role.READ
THRESHOLDS = st.floats(0.001, 0.999)
UNIT = st.floats(0, 1)


# ---- probabilities to scores


@given(threshold=THRESHOLDS)
def test_the_threshold_becomes_a_half_and_the_ends_stay(threshold):
    assert shifted(threshold, threshold) == pytest.approx(0.5)
    assert (shifted(0.0, threshold), shifted(1.0, threshold)) == (0.0, 1.0)
    assert shifted(1.0 + 1e-15, threshold) == 1.0


@given(threshold=THRESHOLDS, one=UNIT, other=UNIT)
def test_scores_keep_the_order_of_probabilities(threshold, one, other):
    small, large = sorted((one, other))
    assert 0 <= shifted(small, threshold) <= shifted(large, threshold) + 1e-12 <= 1 + 1e-12


@given(probability=UNIT)
def test_a_threshold_of_a_half_changes_nothing(probability):
    assert shifted(probability, 0.5) == pytest.approx(probability)


def test_the_shift_is_one_of_logits():
    logit = lambda p: math.log(p / (1 - p))  # noqa: E731
    assert logit(shifted(0.7, 0.9)) == pytest.approx(logit(0.7) - logit(0.9))


@given(logits=st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=6))
def test_probabilities(logits):
    softmax, sigmoid = probabilities(logits, multi=False), probabilities(logits, multi=True)
    assert math.fsum(softmax) == pytest.approx(1)
    assert all(0 <= p <= 1 for p in (*softmax, *sigmoid))


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("multi", [False, True])
def test_what_is_no_number_is_no_answer(wrong, multi):
    with pytest.raises(ValueError, match="allowed are finite numbers"):
        probabilities([0.0, wrong], multi=multi)


# ---- labels to categories


def head(names: list[str], problem: str | None = None, **options) -> Head:
    return make_head("hf:acme/model", names, problem, ModelOptions(**options))


@pytest.mark.parametrize("label", ["INJECTION", "injection", "LABEL_1", "label_1", "1"])
def test_a_label_is_named_in_many_ways(label):
    assert head(["SAFE", "INJECTION"], labels={label: "prompt_attack"}).columns == {"prompt_attack": (1,)}


def test_names_win_over_numbers():
    assert head(["1", "0"], labels={"1": "hate"}).columns == {"hate": (0,)}


def test_labels_that_are_categories_need_no_map():
    assert head(["Hate", "neutral", "SELF_HARM"]).columns == {"hate": (0,), "self_harm": (2,)}
    assert head(["hate", "x"], labels={"x": "violence"}).columns == {"violence": (1,)}


def test_several_labels_of_one_category():
    labels = {"jailbreak": "prompt_attack", "injection": "prompt_attack", "LABEL_1": "prompt_attack"}
    names = ["benign", "injection", "jailbreak"]
    logits = [math.log(2), math.log(1), math.log(1)]
    assert head(names, labels=labels).columns == {"prompt_attack": (1, 2)}
    assert head(names, labels=labels).scores(logits) == {"prompt_attack": pytest.approx(0.5)}
    assert head(names, MULTI, labels=labels).scores([0, 3, 1]) == {
        "prompt_attack": pytest.approx(1 / (1 + math.exp(-3)))
    }


def test_a_single_logit_is_no_softmax():
    assert head(["hate"]).scores([0.0]) == {"hate": 0.5}


@pytest.mark.parametrize(
    ("names", "problem", "options", "message"),
    [
        (
            ["SAFE", "INJECTION"],
            None,
            {"labels": {"ATTACK": "hate"}},
            "labels: ATTACK: hf:acme/model has no such label: allowed are SAFE, INJECTION",
        ),
        (
            ["SAFE", "INJECTION"],
            None,
            {"labels": {"SAFE": "hat"}},
            "labels: SAFE: no category 'hat': allowed are prompt_attack, indirect_attack, hate, sexual, "
            "violence, self_harm",
        ),
        (
            ["SAFE", "INJECTION"],
            None,
            {},
            "labels: missing, and no label of hf:acme/model is a category: write `labels: {LABEL: category}`"
            "; its labels are SAFE, INJECTION; categories are prompt_attack, indirect_attack, hate, sexual, "
            "violence, self_harm",
        ),
        (
            ["hate"],
            "regression",
            {},
            "model: hf:acme/model predicts a quantity: allowed are models that classify",
        ),
        *(
            (["hate"], None, {"threshold": t}, f"threshold: {t} is none: allowed are numbers between 0 and 1")
            for t in (0.0, 1.0, math.nan)
        ),
    ],
)
def test_labels_that_cannot_be(names, problem, options, message):
    with pytest.raises(ConfigError) as error:
        head(names, problem, **options)
    assert str(error.value) == message


# ---- roles


@pytest.mark.parametrize(
    ("category", "role", "named", "said"),
    [
        ("prompt_attack", SAID, ["prompt_attack"], "prompt_attack"),
        ("prompt_attack", READ, ["prompt_attack"], "indirect_attack"),
        ("indirect_attack", SAID, ["indirect_attack"], "prompt_attack"),
        ("indirect_attack", READ, ["indirect_attack"], "indirect_attack"),
        ("prompt_attack", READ, ["prompt_attack", "indirect_attack"], None),
        ("indirect_attack", SAID, ["prompt_attack", "indirect_attack"], None),
        ("hate", SAID, ["hate"], "hate"),
        ("hate", READ, ["hate", "prompt_attack"], "hate"),
    ],
)
def test_what_a_category_means_in_a_role(category, role, named, said):
    assert said_of(category, role, named) == said


def test_the_loudest_window_has_the_word():
    spoken = opinions(
        Head({"prompt_attack": (1,), "hate": (0,)}, multi=True, threshold=0.5),
        READ,
        [(0, 5), (4, 9), (8, 13)],
        [[3.0, 0.0], [2.0, 1.0], [3.0, 1.0]],
    )
    assert {category: (one.start, one.end) for category, one in spoken.items()} == {
        "indirect_attack": (4, 9),
        "hate": (0, 5),
    }


# ---- a table for a network: one token per letter, and a letter's number is its logit


def letters(**frame) -> Network:
    def read(texts):
        return [Tokens([ord(c) for c in t], [(at, at + 1) for at in range(len(t))]) for t in texts]

    def forward(ids, mask):
        rows = [[i for i, m in zip(*row, strict=True) if m] for row in zip(ids, mask, strict=True)]
        assert all(row[0] == 1 and row[-1] == 2 for row in rows)
        assert len({len(row) for row in ids}) == 1
        assert len(ids) == 1 or sum(map(len, ids)) <= BUDGET
        return [[float(max(row) - ord("m"))] for row in rows]

    return Network(read, forward, Frame(**{"before": (1,), "after": (2,), "size": 12, "pad": 0, **frame}))


def classifier(
    network: Network | None = None, *, name: str = "x", content: tuple[bytes, ...] = (), **options
):
    options = {"labels": {"A": "prompt_attack"}, **options}
    return Classifier(name, network or letters(), head(["A"], **options), content)


def test_passages_are_answered_in_order_whatever_their_length():
    texts = ["a" * n + letter for n, letter in [(100, "z"), (0, "b"), (9, "m"), (3, "y"), (11, "c")]]
    found = classifier().score([Passage(text, SAID) for text in texts])
    scores = [1 / (1 + math.exp(ord("m") - ord(text[-1]))) for text in texts]
    assert [one["prompt_attack"].score for one in found] == pytest.approx(scores)
    assert [one["prompt_attack"].end for one in found] == [len(text) for text in texts]


@given(at=st.integers(0, 199))
def test_a_letter_is_found_wherever_it_stands(at):
    text = "a" * at + "z" + "a" * (199 - at)
    [found] = classifier().score([Passage(text, READ)])
    one = found["indirect_attack"]
    assert one.start <= at < one.end
    assert one.end - one.start == 10
    assert one.score > 0.99


def test_nothing_is_padded_without_a_token_to_pad_with():
    alone = classifier(letters(pad=None)).score([Passage(text, SAID) for text in ("abc", "z", "")])
    assert alone == classifier().score([Passage(text, SAID) for text in ("abc", "z", "")])


def test_a_text_without_tokens_is_judged():
    [found] = classifier().score([Passage("", SAID)])
    assert found == {"prompt_attack": Opinion(pytest.approx(0.0), 0, 0)}


def test_half_a_character_is_read():
    [found] = classifier().score([Passage("a\ud800", SAID)])
    assert found["prompt_attack"] == Opinion(1.0, 0, 2)


def test_only_what_is_wanted_is_said():
    scorer = classifier(labels={"A": "hate", "0": "prompt_attack"})
    passages = [Passage("z", SAID)]
    assert set(scorer.score(passages)[0]) == {"hate", "prompt_attack"}
    assert set(scorer.score(passages, ["hate", "sexual"])[0]) == {"hate"}
    assert classifier(network=None).score(passages, ["sexual"]) == [{}]
    assert scorer.score([]) == []


def test_categories():
    assert classifier().categories == ("prompt_attack", "indirect_attack")
    assert classifier(labels={"A": "hate"}).categories == ("hate",)
    both = {"A": "hate", "0": "indirect_attack"}
    assert classifier(labels=both).categories == ("prompt_attack", "indirect_attack", "hate")


def test_the_label_changes_with_all_that_opinions_depend_on():
    plain = {}
    others = [
        {"name": "y"},
        {"content": (b"weights",)},
        {"content": (b"weigh", b"ts")},
        {"threshold": 0.6},
        {"labels": {"A": "hate"}},
        {"network": letters(size=13)},
    ]
    labels = [classifier(**options).label for options in (plain, *others)]
    assert len(set(labels)) == len(labels)
    assert classifier().label == labels[0]
    assert labels[0].startswith("x@")


# ---- what does not fit


@pytest.mark.parametrize(("before", "after"), [([1], [2]), ([], [2]), ([], []), ([1, 1], [])])
def test_frames(before, after):
    frame = make_frame(lambda text, special: [*before, 7, *after] if special else [7], 12, 0)
    assert (list(frame.before), list(frame.after)) == (before, after)
    assert frame.room == 12 - len(before) - len(after)


@pytest.mark.parametrize(
    ("full", "size"), [([1, 7, 2], 2), ([1, 2], 512)], ids=["no room", "the text is not in it"]
)
def test_tokenizers_that_are_not_understood(full, size):
    with pytest.raises(ConfigError, match=r"tokenizer: makes \d tokens of a letter.*allowed are"):
        make_frame(lambda text, special: full if special else [7], size, 0)


def test_a_network_is_tried_out_at_full_length():
    seen: list[int] = []

    def forward(ids, mask):
        seen.extend(map(sum, mask))
        return [[0.0, 0.0] for _ in ids]

    plain = letters()
    assert try_out(Network(plain.read, forward, plain.frame), "m.onnx") == 2
    assert sorted(seen) == [3, 12]


def test_a_network_that_cannot_read_what_it_is_said_to():
    def forward(ids, mask):
        raise IndexError("index out\nof range")

    plain = letters()
    with pytest.raises(ConfigError) as error:
        try_out(Network(plain.read, forward, plain.frame), "m.onnx")
    assert str(error.value) == (
        "model: m.onnx cannot read 12 tokens (index out of range): allowed are models for as many tokens as "
        "`max_position_embeddings` in config.json says, or 512"
    )
