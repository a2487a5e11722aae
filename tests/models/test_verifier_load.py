"""From a detector's options to its verifier and its chat model: one for all who want the same."""

from __future__ import annotations

import gc
import json
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from shipped_like import folder, verifier_folder

from safety.detectors.groundedness.detector import GroundednessOptions
from safety.detectors.groundedness.pairing import Pair
from safety.detectors.groundedness.verifier import Verifier
from safety.errors import ConfigError
from safety.models.card import CARD, TOKENIZER
from safety.models.chat import ChatWriter
from safety.models.load import verifier_for, writer_for
from safety.models.verifier import CrossEncoder
from safety.models.verifier_card import read_verifier_card


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return verifier_folder(tmp_path_factory.mktemp("verifier"))


def test_none_is_no_verifier() -> None:
    assert verifier_for(GroundednessOptions(model="none")) is None


def test_the_shipped_one_judges() -> None:
    model = verifier_for(GroundednessOptions(threads=1))
    assert model is not None
    (doubt,) = model.doubts([Pair("Lunch is served at noon.", "", "Lunch is served at one.")])
    assert [start for start, _, _ in doubt.words] == [0, 6, 9, 16, 19, 22]


@pytest.mark.parametrize("named", ["", TOKENIZER])
def test_a_folder_is_a_verifier(made: Path, named: str) -> None:
    model = verifier_for(GroundednessOptions(model=made / named, threads=1))
    assert isinstance(model, CrossEncoder)
    assert model.card == read_verifier_card(made)


def test_detectors_that_ask_at_once_get_one(made: Path) -> None:
    options = GroundednessOptions(model=made, threads=1)
    start = threading.Barrier(8)

    def ask(number: int) -> Verifier | None:
        start.wait(20)
        return verifier_for(replace(options, strictness=number / 8))  # a detector's own affair

    with ThreadPoolExecutor(8) as pool:
        first, *others = pool.map(ask, range(8))
    assert isinstance(first, CrossEncoder)
    assert all(other is first for other in others)
    assert verifier_for(options) is first
    assert verifier_for(replace(options, threads=2)) is not first


def test_what_nobody_uses_is_let_go(made: Path) -> None:
    model = verifier_for(GroundednessOptions(model=made, threads=1))
    assert model is not None
    ref = weakref.ref(model)
    del model
    gc.collect()
    assert ref() is None


def test_one_that_was_trained_again_is_another(tmp_path: Path) -> None:
    options = GroundednessOptions(model=verifier_folder(tmp_path), threads=1)
    old = verifier_for(options)
    card = json.loads((tmp_path / CARD).read_text())
    card["blend"]["bias"] = -1.0
    (tmp_path / CARD).write_text(json.dumps(card))
    new = verifier_for(options)
    assert old is not None
    assert new is not None
    assert (old.blend.bias, new.blend.bias) == (0.0, -1.0)
    assert new.label != old.label  # though name and version are the same


@pytest.mark.parametrize("name", ["best", "Shipped", "hf:org/name", "no/such/tokenizer.json", "model.onnx"])
def test_an_unknown_name_is_refused_with_what_is_allowed(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        verifier_for(GroundednessOptions(model=name))
    assert str(caught.value) == (
        f"model: {name!r}: allowed are shipped, none, and a folder with card.json that "
        "'safety-layer train verifier' wrote"
    )


def test_a_guard_is_no_verifier(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"card\.json: not a verifier's card"):
        verifier_for(GroundednessOptions(model=folder(tmp_path)))


def test_a_provider_that_is_not_there_is_refused(made: Path) -> None:
    with pytest.raises(ConfigError, match="provider: openvino: this onnxruntime has no OpenVINO"):
        verifier_for(GroundednessOptions(model=made, provider="openvino"))


# ---- the chat model


def test_nothing_is_asked_of_an_endpoint_unless_an_option_says_so() -> None:
    endpoint = GroundednessOptions(endpoint="http://localhost:9/v1", endpoint_model="m")
    assert writer_for(GroundednessOptions()) is None
    assert writer_for(endpoint) is None
    assert writer_for(replace(endpoint, correction="extract")) is None
    assert isinstance(writer_for(replace(endpoint, judge=True)), ChatWriter)
    assert isinstance(writer_for(replace(endpoint, correction="endpoint")), ChatWriter)


def test_an_endpoint_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="endpoint: 'localhost': allowed are http"):
        writer_for(GroundednessOptions(judge=True, endpoint="localhost", endpoint_model="m"))
