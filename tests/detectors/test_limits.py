from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from safety.detectors.limits import (
    NEGATIVES,
    POSITIVES,
    Limits,
    LimitsOptions,
    load_counter,
    most_tokens,
)
from safety.errors import ConfigError
from safety.types import Exchange, Origin, Segment, Stage


def exchange(*texts: str, stage: Stage = Stage.INPUT) -> Exchange:
    return Exchange(
        "x", stage, tuple(Segment(f"/messages/{i}/content", Origin.USER, t) for i, t in enumerate(texts))
    )


@pytest.fixture(scope="module")
def word_tokenizer(tmp_path_factory):
    """One token per word; truncation is on, as many published files have it."""
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.enable_truncation(3)
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def found(options: LimitsOptions, judged: Exchange) -> list[tuple[str, str]]:
    [findings] = Limits(options).detect([judged])
    assert all(finding.span is None and finding.score == 1.0 for finding in findings)
    return [(finding.category, finding.evidence) for finding in findings]


@pytest.mark.parametrize(("options", "texts", "evidence"), POSITIVES)
def test_positives(options, texts, evidence):
    assert found(options, exchange(*texts)) == [(f"limit.{evidence.split()[-1]}", evidence)]


@pytest.mark.parametrize(("options", "texts"), NEGATIVES)
def test_negatives(options, texts):
    assert found(options, exchange(*texts)) == []


def test_parts_of_one_message_count_once():
    segments = tuple(
        Segment(path, Origin.USER, "x")
        for path in (
            "/messages/0/content",
            "/messages/1/content/0/text",
            "/messages/1/content/1/text",
            "/messages/10/content",
        )
    )
    judged = Exchange("x", Stage.INPUT, segments)
    assert found(LimitsOptions(messages=3), judged) == []
    assert found(LimitsOptions(messages=2), judged) == [("limit.messages", "3 of 2 messages")]


@pytest.mark.parametrize(
    ("paths", "messages"),
    [
        (["/prompt"], 1),
        (["/prompt", "/prompt"], 1),
        (["/prompt", *(f"/documents/{i}" for i in range(120))], 1),
        (["/messages/0/content", *(f"/tools/{i}/function/description" for i in range(120))], 1),
        (["/messages/0/content", "/messages/0/tool_calls/0/function/arguments", "/system/text"], 1),
        (["/metadata/messages/0", "/messages_of/0", "/prompts", "", "/messages/x"], 0),
    ],
)
def test_only_messages_are_counted_as_messages(paths, messages):
    judged = Exchange("x", Stage.INPUT, tuple(Segment(path, Origin.USER, "x") for path in paths))
    assert found(LimitsOptions(messages=max(messages, 1)), judged) == []
    more = tuple(Segment(f"/messages/{i}/content", Origin.USER, "x") for i in range(1000, 1005))
    assert found(LimitsOptions(messages=1), Exchange("x", Stage.INPUT, (*judged.segments, *more))) == [
        ("limit.messages", f"{messages + 5} of 1 messages")
    ]


def test_tokens_are_counted_by_the_named_tokenizer_without_truncation(word_tokenizer):
    options = LimitsOptions(tokens=5, tokenizer=str(word_tokenizer / "tokenizer.json"))
    assert found(options, exchange("one two three", "four five")) == []
    assert found(options, exchange("one two three", "four five six")) == [("limit.tokens", "6 of 5 tokens")]


def test_a_folder_names_the_tokenizer_in_it(word_tokenizer):
    assert load_counter(str(word_tokenizer))("one two three four") == 4


def test_overhead_counts_per_message(word_tokenizer):
    options = LimitsOptions(tokens=7, tokenizer=str(word_tokenizer), message_overhead=3)
    assert found(options, exchange("one", "two")) == [("limit.tokens", "8 of 7 tokens")]
    assert found(options, exchange("one two three four")) == []


def test_what_cannot_reach_the_limit_is_let_pass(word_tokenizer):
    limits = Limits(LimitsOptions(tokens=100, tokenizer=word_tokenizer))
    assert limits.detect([exchange("x" * 99), exchange("x " * 101)])[0] == []


def test_a_tokenizer_is_loaded_when_the_detector_is_built():
    with pytest.raises(ConfigError, match=r"tokenizer: /no/such/tokenizer.json cannot be loaded"):
        Limits(LimitsOptions(tokens=100, tokenizer=Path("/no/such/tokenizer.json")))
    assert Limits(LimitsOptions(characters=5, tokenizer="/no/such/tokenizer.json"))  # not needed


def test_lone_surrogates_are_counted(word_tokenizer):
    options = LimitsOptions(tokens=1, tokenizer=str(word_tokenizer))
    assert found(options, exchange("\ud800 \udfff")) == [("limit.tokens", "2 of 1 tokens")]


def test_answers_are_not_limited():
    assert found(LimitsOptions(characters=1), exchange("long", stage=Stage.OUTPUT)) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tokens": 5}, "tokenizer: missing"),
        ({"characters": 0}, "characters: 0 is no limit"),
        ({"messages": -1}, "messages: -1 is no limit"),
        ({"message_overhead": -1}, "message_overhead: -1 is negative"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, message):
    with pytest.raises(ValueError, match=message) as error:
        LimitsOptions(**options)
    assert "allowed" in str(error.value)


def test_a_broken_tokenizer_is_an_error(tmp_path):
    file = tmp_path / "tokenizer.json"
    file.write_text("{}")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        load_counter(str(file))


@pytest.fixture(scope="module")
def worst_tokenizer():
    """One token per byte after NFKC: no tokenizer makes more."""
    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(pre_tokenizers.ByteLevel.alphabet())}, []))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    return tokenizer


@given(text=st.text(st.characters(exclude_categories=["Cs"]) | st.just("\ufdfa")))
def test_the_bound_is_a_bound(worst_tokenizer, text):
    assert len(worst_tokenizer.encode(text).ids) <= most_tokens(text)
