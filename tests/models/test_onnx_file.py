from __future__ import annotations

import json
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import tiny_models as tiny
from tiny_models import TEXTS, WORD

from safety.detectors.model import ModelOptions, Passage, Role, Scorer
from safety.errors import ConfigError
from safety.models.hub import HubScorer
from safety.models.onnx_file import OnnxScorer
from safety.models.session import session

onnx = pytest.importorskip("onnx", reason="the graphs are made with the extra 'test'")
numpy = pytest.importorskip("numpy", reason="a dependency, imported with onnx")
from onnx import TensorProto, helper  # noqa: E402

LABELS = {"INJECTION": "prompt_attack"}


def said(*texts: str) -> list[Passage]:
    return [Passage(text, Role.SAID) for text in texts]


def scorer(path: Path, labels: dict[str, str] | None = None, **options) -> OnnxScorer:
    return OnnxScorer(ModelOptions(path, labels=labels or LABELS, **options))


class Logits(tiny.torch.nn.Module):
    """A model that answers with a tensor, as an exported graph does."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.model(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).logits


def exported(folder: Path) -> Path:
    """The checkpoint in ``folder`` as ``model.onnx`` in there."""
    model = tiny.transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    names = ["input_ids", "attention_mask", "token_type_ids"]
    ids = tiny.torch.ones(2, 8, dtype=tiny.torch.int64)
    free = {0: tiny.torch.export.Dim("rows"), 1: tiny.torch.export.Dim("width", max=64)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own
        tiny.torch.onnx.export(
            Logits(model).eval(),
            (ids, ids.clone(), ids * 0),  # the exporter takes the same tensor for the same input
            folder / "model.onnx",
            input_names=names,
            output_names=["logits"],
            dynamic_shapes=dict.fromkeys(names, free),
            verbose=False,
        )
    return folder / "model.onnx"


@pytest.fixture(scope="module")
def spotter(tmp_path_factory):
    return exported(tiny.save_spotter(tmp_path_factory.mktemp("spotter")))


@pytest.fixture(scope="module")
def random(tmp_path_factory):
    return exported(tiny.save_bert(tmp_path_factory.mktemp("random")))


# ---- graphs by hand: a letter's token is its logit


def graph(
    folder: Path,
    *,
    inputs: tuple[str, ...] = ("input_ids",),
    shape: tuple[int | str, ...] = ("rows", "width"),
    kind: int = TensorProto.INT64,
    output: str = "logits",
    axes: list[int] | None = None,
    keepdims: int = 1,
) -> Path:
    """logits = max(input_ids) per row, without a config.json."""
    tiny.wordpiece().save(str(folder / "tokenizer.json"))
    nodes = [
        helper.make_node("Cast", [inputs[0]], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["numbers", "axes"], [output], keepdims=keepdims),
    ]
    made = helper.make_graph(
        nodes,
        "by_hand",
        [helper.make_tensor_value_info(name, kind, shape) for name in inputs],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["rows", 1][: 1 + keepdims])],
        [onnx.numpy_helper.from_array(numpy.array([1]), "axes")],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, folder / "model.onnx")
    return folder / "model.onnx"


# ---- opinions


@pytest.mark.parametrize("name", ["spotter", "random"])
def test_scores_are_those_of_torch(request, name):
    path = request.getfixturevalue(name)
    made, model = scorer(path), HubScorer(ModelOptions(path.parent, LABELS))
    texts = [*TEXTS, "the office " * 150 + WORD]
    pairs = zip(made.score(said(*texts)), model.score(said(*texts)), strict=True)
    for one, other in pairs:
        assert one["prompt_attack"].score == pytest.approx(other["prompt_attack"].score, abs=1e-4)
        assert (one["prompt_attack"].start, one["prompt_attack"].end) == (
            other["prompt_attack"].start,
            other["prompt_attack"].end,
        )


def test_it_is_a_scorer(spotter):
    made: Scorer = scorer(spotter)
    assert made.categories == ("prompt_attack", "indirect_attack")
    assert made.label.startswith("model.onnx@")
    assert made.label == scorer(spotter).label
    assert made.label != scorer(spotter, threshold=0.9).label


def test_a_word_at_the_end_of_a_long_text_is_found(spotter):
    text = "the office opens " * 500 + WORD
    one = scorer(spotter).score([Passage(text, Role.READ)])[0]["indirect_attack"]
    assert one.score > 0.9
    assert text[one.start : one.end].endswith(WORD)
    assert one.end - one.start < 62 * len("office ")


def test_eight_threads_get_what_one_gets(random):
    made = scorer(random)
    asked = [said(*TEXTS[at:], *TEXTS[:at]) for at in range(len(TEXTS))] * 3
    alone = [made.score(passages) for passages in asked]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(made.score, asked)) == alone


@pytest.mark.parametrize("kind", [TensorProto.INT64, TensorProto.INT32])
def test_without_a_mask_and_a_config(tmp_path, kind):
    made = scorer(graph(tmp_path, kind=kind), {"LABEL_0": "hate"})
    assert made.categories == ("hate",)
    together = made.score(said(*TEXTS, "attack " * 2000))
    assert together == [made.score(said(text))[0] for text in (*TEXTS, "attack " * 2000)]


def test_a_changed_file_beside_it_changes_the_label(tmp_path):
    path = graph(tmp_path)
    before = scorer(path, {"0": "hate"}).label
    (tmp_path / "model.onnx_data").write_bytes(b"weights")
    assert scorer(path, {"0": "hate"}).label != before


# ---- what cannot be used


def refused(path: Path, labels: dict[str, str] | None = None, **options) -> str:
    with pytest.raises(ConfigError) as error:
        scorer(path, labels, **options)
    message = str(error.value)
    assert "\n" not in message
    assert "allowed" in message or "available" in message
    return message


def test_no_file(tmp_path):
    path = tmp_path / "model.onnx"
    assert refused(path) == f"model: {path}: no such file: allowed is the path of an ONNX file"


def test_no_onnx_file(tmp_path):
    path = graph(tmp_path)
    path.write_bytes(b"not a graph")
    message = refused(path)
    assert message.startswith(f"model: {path}: onnxruntime ")
    assert "cannot load it (" in message


def test_weights_kept_outside_that_are_missing(tmp_path):
    path = graph(tmp_path)
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="gone.bin", size_threshold=0)
    path.with_name("gone.bin").unlink()
    assert "external data into raw data for tensor: axes)" in refused(path)


@pytest.mark.parametrize("content", [None, "{}"])
def test_no_tokenizer(tmp_path, content):
    path = graph(tmp_path)
    file = path.with_name("tokenizer.json")
    file.unlink()
    if content:
        file.write_text(content)
    assert refused(path).startswith(f"model: {file} cannot be loaded (")


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"id2label": {"1": "x"}}', '{"id2label": ["x"]}', '{"max_position_embeddings": "x"}'],
)
def test_a_config_that_cannot_be_read(tmp_path, content):
    path = graph(tmp_path)
    file = path.with_name("config.json")
    file.write_text(content)
    assert refused(path).startswith(f"model: {file} cannot be read (")


def test_labels_that_do_not_fit(tmp_path):
    path = graph(tmp_path)
    path.with_name("config.json").write_text(json.dumps({"id2label": {0: "A", 1: "B"}}))
    assert "1 logits for the 2 labels of its config.json (A, B)" in refused(path)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"inputs": ("tokens",)}, "an input `tokens` of tensor(int64); no input `input_ids`"),
        ({"inputs": ("input_ids", "pixels")}, "an input `pixels` of tensor(int64)"),
        ({"kind": TensorProto.FLOAT}, "an input `input_ids` of tensor(float)"),
        ({"shape": (1, 128)}, "`input_ids` has the fixed shape [1, 128]"),
        ({"output": "scores"}, "no output `logits`, but scores"),
        ({"keepdims": 0}, "`logits` has the shape ['rows']"),
    ],
)
def test_other_graphs(tmp_path, how, message):
    path = graph(tmp_path, **how)
    assert f"model: {path}: {message}: allowed are input_ids, attention_mask, token_type_ids" in refused(path)


def test_fewer_positions_than_said(tmp_path):
    path = exported(tiny.save_bert(tmp_path))
    path.with_name("config.json").unlink()
    assert f"model: {path} cannot read 512 tokens (" in refused(path, {"1": "prompt_attack"})


def test_a_label_that_is_not_there(tmp_path):
    path = graph(tmp_path)
    assert refused(path) == f"labels: INJECTION: {path} has no such label: allowed are LABEL_0"


# ---- sessions


@pytest.mark.parametrize(
    ("provider", "package"), [("cuda", "onnxruntime-gpu"), ("openvino", "onnxruntime-openvino")]
)
def test_a_provider_that_is_not_there(tmp_path, provider, package):
    import onnxruntime

    if any(name.lower().startswith(provider) for name in onnxruntime.get_available_providers()):
        pytest.skip("this onnxruntime has the provider: there is nothing to refuse")
    message = refused(graph(tmp_path), provider=provider)
    assert message.startswith(f"provider: {provider}: this onnxruntime has no ")
    assert f"pip install {package}" in message
    assert message.endswith("available: cpu")


def test_a_session_takes_no_more_than_it_is_given(tmp_path):
    path = graph(tmp_path)
    for model in (path, str(path), path.read_bytes()):
        options = session(model, threads=3).get_session_options()
        assert (options.intra_op_num_threads, options.inter_op_num_threads) == (3, 1)
        assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert 1 <= session(path).get_session_options().intra_op_num_threads <= 4


def test_bytes_that_are_no_model():
    with pytest.raises(ConfigError, match=r"^model: onnxruntime .* cannot load it"):
        session(b"not a graph")


def fresh(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False
    )


def test_a_missing_package_is_said():
    done = fresh(
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from safety.errors import MissingExtra\n"
        "from safety.models.session import session\n"
        "try: session(b'')\n"
        "except MissingExtra as error: print(error)"
    )
    assert done.stdout.strip() == "model: onnxruntime is not installed: pip install onnxruntime", done.stderr


def test_nothing_is_printed_and_no_torch_needed(spotter):
    done = fresh(
        "import sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "from safety.detectors.model import ModelOptions, Passage, Role\n"
        "from safety.models.onnx_file import OnnxScorer\n"
        f"made = OnnxScorer(ModelOptions({str(spotter)!r}, {LABELS!r}))\n"
        "made.score([Passage('the ' * 500, Role.SAID)])\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
