from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import tiny_models as tiny
from tiny_models import TEXTS, WORD

from safety.detectors.model import ModelOptions, Opinion, Passage, Role, Scorer
from safety.errors import ConfigError
from safety.models.classify import probabilities
from safety.models.hub import HubScorer

LABELS = {"INJECTION": "prompt_attack"}


def scorer(folder: Path, labels: dict[str, str] | None = None, **options) -> HubScorer:
    return HubScorer(ModelOptions(f"hf:{folder}", labels=labels or LABELS, **options))


def said(*texts: str) -> list[Passage]:
    return [Passage(text, Role.SAID) for text in texts]


def bert(folder: Path) -> Path:
    return tiny.save_bert(folder)


def deberta(folder: Path) -> Path:
    more = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False}
    tokenizer = tiny.wrapped(tiny.unigram())
    return tiny.save_random(
        folder, "DebertaV2", tokenizer, ["SAFE", "INJECTION"], initializer_range=0.2, **more
    )


def modernbert(folder: Path) -> Path:
    ids = {"cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
    tokenizer = tiny.wrapped(tiny.byte_pairs())
    return tiny.save_random(folder, "ModernBert", tokenizer, ["SAFE", "INJECTION"], local_attention=16, **ids)


def by_bytes(folder: Path) -> Path:
    """With a tokenizer in Python, which says nothing of offsets."""
    return tiny.save_random(folder, "Bert", tiny.transformers.ByT5Tokenizer(), ["SAFE", "INJECTION"])


KINDS = {"bert": bert, "deberta": deberta, "modernbert": modernbert, "by_bytes": by_bytes}


@pytest.fixture(scope="module", params=KINDS)
def checkpoint(request, tmp_path_factory):
    return KINDS[request.param](tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def spotter(tmp_path_factory):
    return tiny.save_spotter(tmp_path_factory.mktemp("spotter"))


# ---- opinions


def test_scores_are_those_of_transformers(checkpoint):
    short = [text for text in TEXTS if len(text) < 50]
    found = scorer(checkpoint).score(said(*short))
    expected = [probabilities(tiny.directly(checkpoint, text), multi=False)[1] for text in short]
    assert [one["prompt_attack"].score for one in found] == pytest.approx(expected, abs=1e-5)
    assert max(expected) - min(expected) > 0.01


def test_it_is_a_scorer(spotter):
    made: Scorer = scorer(spotter)
    assert made.categories == ("prompt_attack", "indirect_attack")
    assert made.label == scorer(spotter).label
    assert made.label.startswith(f"{spotter.name}@")
    assert made.label != scorer(spotter, threshold=0.9).label


def test_a_word_at_the_end_of_a_long_text_is_found(spotter):
    text = "the office opens " * 1667 + WORD
    start = len(text) - len(WORD)
    [found] = scorer(spotter).score(said(text))
    one = found["prompt_attack"]
    assert one.score > 0.9
    assert one.start < start
    assert one.end == len(text)
    assert one.end - one.start < 62 * len("office ")


@pytest.mark.parametrize("words", [0, 1, 61, 62, 63, 200, 400])
def test_a_word_is_found_wherever_it_stands(spotter, words):
    text = "the " * words + WORD + " the" * (400 - words)
    one = scorer(spotter).score([Passage(text, Role.READ)])[0]["indirect_attack"]
    assert one.score > 0.9
    assert WORD in text[one.start : one.end]


def test_without_the_word_it_is_quiet(spotter):
    found = scorer(spotter).score(said("the office opens " * 100, ""))
    assert [one["prompt_attack"].score < 0.1 for one in found] == [True, True]


def test_spans_are_code_points(spotter):
    text = "💥 naïve " * 100 + WORD
    one = scorer(spotter).score(said(text))[0]["prompt_attack"]
    assert text[one.start : one.end].endswith(f"naïve {WORD}")


def test_without_offsets_it_is_the_whole_passage(tmp_path):
    text = "the office opens " * 20
    one = scorer(by_bytes(tmp_path)).score(said(text))[0]["prompt_attack"]
    assert (one.start, one.end) == (0, len(text))


def test_the_threshold_becomes_a_half(spotter):
    [plain] = scorer(spotter).score(said(WORD))
    [found] = scorer(spotter, threshold=plain["prompt_attack"].score).score(said(WORD))
    assert found["prompt_attack"] == Opinion(pytest.approx(0.5), 0, len(WORD))


def test_labels_that_do_not_exclude_each_other(tmp_path):
    labels = ["toxic", "threat", "identity_hate"]
    folder = tiny.save_bert(tmp_path, labels, problem_type="multi_label_classification")
    mapped = {"toxic": "hate", "identity_hate": "hate", "threat": "violence"}
    [found] = scorer(folder, mapped).score(said(TEXTS[0]))
    toxic, threat, hate = probabilities(tiny.directly(folder, TEXTS[0]), multi=True)
    assert found["hate"].score == pytest.approx(max(toxic, hate), abs=1e-5)
    assert found["violence"].score == pytest.approx(threat, abs=1e-5)


def test_labels_that_are_categories_need_no_map(tmp_path):
    folder = tiny.save_bert(tmp_path, ["OK", "Hate", "sexual"])
    made = HubScorer(ModelOptions(f"hf:{folder}"))
    assert made.categories == ("hate", "sexual")


def test_eight_threads_get_what_one_gets(checkpoint):
    made = scorer(checkpoint)
    asked = [said(*TEXTS[at:], *TEXTS[:at]) for at in range(len(TEXTS))] * 3
    alone = [made.score(passages) for passages in asked]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(made.score, asked))
    for one, other in zip(alone, together, strict=True):
        for a, b in zip(one, other, strict=True):
            assert a["prompt_attack"].score == pytest.approx(b["prompt_attack"].score, abs=1e-6)


def test_a_decoder_without_a_token_to_pad_with(tmp_path):
    tokenizer = tiny.transformers.PreTrainedTokenizerFast(tokenizer_object=tiny.byte_pairs())
    described = tiny.config("GPT2", ["SAFE", "INJECTION"], vocab_size=len(tokenizer), pad_token_id=None)
    model = tiny.transformers.GPT2ForSequenceClassification(described)
    made = scorer(tiny.saved(tmp_path, model, tokenizer))
    together = made.score(said(*TEXTS))
    assert together == [made.score(said(text))[0] for text in TEXTS]


# ---- what cannot be used


def refused(name: str, labels: dict[str, str] | None = None, **options) -> str:
    with pytest.raises(ConfigError) as error:
        HubScorer(ModelOptions(f"hf:{name}", labels=labels or LABELS, **options))
    message = str(error.value)
    assert "\n" not in message
    return message


def test_a_label_that_is_not_there(spotter):
    message = refused(str(spotter), {"ATTACK": "prompt_attack"})
    assert message == f"labels: ATTACK: hf:{spotter} has no such label: allowed are SAFE, INJECTION"


def test_no_map_and_no_label_that_speaks_for_itself(spotter):
    with pytest.raises(
        ConfigError, match=r"write `labels: \{LABEL: category\}`; its labels are SAFE, INJECTION"
    ):
        HubScorer(ModelOptions(f"hf:{spotter}"))


def test_a_folder_without_a_checkpoint(tmp_path):
    message = refused(str(tmp_path))
    assert message.startswith(f"model: hf:{tmp_path} cannot be loaded (")
    assert message.endswith(
        "allowed are a sequence classifier's name on the Hugging Face hub, or a folder with its files"
    )


def test_a_name_that_cannot_be():
    assert "hf:/no/such/folder cannot be loaded" in refused("/no/such/folder")


def test_weights_that_are_broken(spotter, tmp_path):
    folder = shutil.copytree(spotter, tmp_path / "copy")
    (folder / "model.safetensors").write_bytes(b"not weights")
    assert "cannot be loaded" in refused(str(folder))


def test_a_tokenizer_that_is_missing(spotter, tmp_path):
    folder = shutil.copytree(spotter, tmp_path / "copy")
    for file in folder.glob("tokenizer*"):
        file.unlink()
    assert refused(str(folder)).startswith(f"model: hf:{folder} has no vocabulary: allowed are")


def test_an_encoder_that_was_never_trained_to_classify(tmp_path):
    """transformers would make up the missing layer, at random, and only log it."""
    tokenizer = tiny.wrapped(tiny.wordpiece())
    model = tiny.transformers.BertModel(tiny.config("Bert", ["SAFE", "INJECTION"], vocab_size=len(tokenizer)))
    message = refused(str(tiny.saved(tmp_path, model, tokenizer)))
    assert f"hf:{tmp_path} is no trained classifier: it has no classifier.bias, classifier.weight" in message


def test_a_tokenizer_of_another_model(spotter, tmp_path):
    tokenizer = tiny.transformers.AutoTokenizer.from_pretrained(spotter)
    model = tiny.transformers.AutoModelForSequenceClassification.from_pretrained(spotter)
    model.resize_token_embeddings(6)
    folder = tiny.saved(tmp_path, model, tokenizer)
    assert f"hf:{folder} cannot read 64 tokens (index out of range in self)" in refused(str(folder))


@pytest.mark.parametrize("provider", ["cuda", "openvino"])
def test_a_provider_that_is_not_there(spotter, provider):
    if provider == "cuda" and tiny.torch.cuda.is_available():
        pytest.skip("this machine has a GPU: there is nothing to refuse")
    message = refused(str(spotter), provider=provider)
    assert message.startswith(f"provider: {provider}: torch ")
    assert ": allowed are cpu" in message


# ---- a fresh interpreter


def fresh(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False
    )


def test_importing_it_imports_no_runtime():
    done = fresh(
        "import sys, safety, safety.models.hub, safety.models.onnx_file, safety.models.session\n"
        "print(sorted({'torch', 'transformers', 'onnxruntime'} & sys.modules.keys()))"
    )
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_a_missing_package_is_said(package):
    done = fresh(
        f"import sys; sys.modules[{package!r}] = None\n"
        "from safety.detectors.model import ModelOptions\n"
        "from safety.errors import MissingExtra\n"
        "from safety.models.hub import HubScorer\n"
        "try: HubScorer(ModelOptions('hf:acme/model'))\n"
        "except MissingExtra as error: print(error)"
    )
    assert done.stdout.strip() == (
        f"model: {package} is not installed: pip install 'content-safety-layer[torch]'"
    ), done.stderr


def test_offline_means_offline():
    done = fresh(
        "import os; os.environ['HF_HUB_OFFLINE'] = '1'\n"
        "import socket; socket.socket.connect = socket.getaddrinfo = None\n"
        "from safety.detectors.model import ModelOptions\n"
        "from safety.errors import ConfigError\n"
        "from safety.models.hub import HubScorer\n"
        "try: HubScorer(ModelOptions('hf:acme/none'))\n"
        "except ConfigError as error: print(error)"
    )
    assert done.stdout.startswith("model: hf:acme/none cannot be loaded ("), done.stderr
    assert (len(done.stdout.splitlines()), done.stderr) == (1, "")


def test_a_moved_folder_is_the_same_model(spotter, tmp_path):
    folder = shutil.copytree(spotter, tmp_path / spotter.name)
    assert scorer(folder).label == scorer(spotter).label


def test_nothing_is_printed_and_nothing_left_changed(spotter):
    done = fresh(
        "from safety.detectors.model import ModelOptions, Passage, Role\n"
        "from safety.models.hub import HubScorer\n"
        f"made = HubScorer(ModelOptions({str(spotter)!r}, {LABELS!r}))\n"
        "made.score([Passage('the ' * 5000, Role.SAID)])\n"
        "from huggingface_hub import constants\n"
        "from transformers.utils import logging\n"
        "assert constants.HF_HUB_DISABLE_TELEMETRY\n"
        "assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (logging.WARNING, True)"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
