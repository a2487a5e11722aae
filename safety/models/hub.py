"""``model: hf:organisation/name``: a sequence classifier that transformers can load; also ``hf:/a/folder``.

The only file that knows torch and transformers at run time, and it imports them when a scorer is made. What
is in the hub's cache is used without asking the network when ``HF_HUB_OFFLINE=1``; a folder never asks. Code
that a checkpoint brings along is not run.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safety.detectors.model import ModelOptions, Provider
from safety.errors import ConfigError, MissingExtra, SafetyError
from safety.models.classify import (
    SIZE,
    Classifier,
    Matrix,
    Network,
    Tokens,
    make_frame,
    make_head,
    one_line,
    reader,
    try_out,
)

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

_ALLOWED = "allowed are a sequence classifier's name on the Hugging Face hub, or a folder with its files"
_HUB_SETTINGS = {  # read when the hub's library is imported; what the user has set stays
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DISABLE_SAFETENSORS_CONVERSION": "1",  # would ask the hub, in a thread, to convert a checkpoint
}


class HubScorer(Classifier):
    """A ``Scorer`` for a checkpoint on the Hugging Face hub or in a folder; it runs in float32."""

    def __init__(self, options: ModelOptions) -> None:
        """``options.threads`` other than 0 is torch's setting, which holds for the whole process.
        ``ConfigError`` for a checkpoint or an option that cannot be used; ``MissingExtra`` without torch and
        transformers."""
        name = str(options.model).removeprefix("hf:")
        _import()
        device = _device(options)
        with _quiet(), _loading(name):
            config = _load("AutoConfig", name)
            labels = [label for _, label in sorted(config.id2label.items())]
            head = make_head(f"hf:{name}", labels, config.problem_type, options)
            tokenizer, model = _tokenizer(name), _model(name, device)
            network = _network(model, tokenizer)
            try_out(network, f"hf:{name}")
        short = Path(name).name if Path(name).is_dir() else name
        super().__init__(short, network, head, _content(model, tokenizer, options.provider))


def _import() -> None:
    os.environ.update({name: value for name, value in _HUB_SETTINGS.items() if name not in os.environ})
    try:
        for package in ("torch", "transformers"):
            import_module(package)
    except ImportError as error:
        raise MissingExtra(
            f"model: {error.name or package} is not installed: pip install 'content-safety-layer[torch]'"
        ) from error


def _device(options: ModelOptions) -> str:
    import torch

    allowed = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    if options.provider not in allowed:
        raise ConfigError(
            f"provider: {options.provider}: torch {torch.__version__} runs nothing on it here: "
            f"allowed are {', '.join(allowed)}"
        )
    if options.threads:
        torch.set_num_threads(options.threads)
    return options.provider


def _load(kind: str, name: str, **more: Any) -> Any:
    """What ``transformers``' class ``kind`` loads by ``name``."""
    import transformers

    folder = Path(name).is_dir()
    loader = getattr(transformers, kind)
    return loader.from_pretrained(name, trust_remote_code=False, local_files_only=folder, **more)


def _tokenizer(name: str) -> PreTrainedTokenizerBase:
    """The tokenizer, with words in it. Where its files are missing transformers makes one to which every word
    is unknown, and says nothing."""
    tokenizer: PreTrainedTokenizerBase = _load("AutoTokenizer", name)
    if tokenizer.get_vocab().keys() <= set(tokenizer.all_special_tokens):
        raise ConfigError(f"model: hf:{name} has no vocabulary: {_ALLOWED}")
    return tokenizer


def _model(name: str, device: str) -> PreTrainedModel:
    """The network, all of whose weights come from the checkpoint. transformers makes up those that are
    missing, at random, and goes on."""
    model, report = _load("AutoModelForSequenceClassification", name, output_loading_info=True)
    if missing := sorted(report["missing_keys"]):
        raise ConfigError(
            f"model: hf:{name} is no trained classifier: it has no {', '.join(missing)}: {_ALLOWED}"
        )
    whole: PreTrainedModel = model.float().to(device)
    return whole


def _network(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Network:
    # A fast tokenizer is used without its wrapper, which sets cutting and padding anew at each call: two
    # threads at a time are an error then.
    fast = getattr(tokenizer, "backend_tokenizer", None)
    encode = partial(_encode, tokenizer)
    read = partial(_read_slowly, encode) if fast is None else reader(fast)
    pad = getattr(model.config, "pad_token_id", None)
    frame = make_frame(encode, _positions(model.config, tokenizer), pad)
    return Network(read, partial(_forward, model), frame)


def _encode(tokenizer: PreTrainedTokenizerBase, text: str, special: bool) -> list[int]:
    return list(tokenizer.encode(text, add_special_tokens=special, verbose=False))


def _read_slowly(encode: Any, texts: Sequence[str]) -> list[Tokens]:
    return [Tokens(encode(text, False)) for text in texts]


def _positions(config: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int:
    """The most tokens that a window may have. Some models have as many positions as the checkpoint says less
    a few for padding; their tokenizers know."""
    said = (getattr(config, "max_position_embeddings", None), tokenizer.model_max_length, SIZE)
    return int(min(number for number in said if number is not None and number > 0))


def _forward(model: PreTrainedModel, ids: Matrix, mask: Matrix) -> list[list[float]]:
    import torch

    with torch.inference_mode():
        answer = model(
            input_ids=torch.tensor(ids, device=model.device),
            attention_mask=torch.tensor(mask, device=model.device),
        )
    logits: list[list[float]] = answer.logits.tolist()
    return logits


def _content(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, provider: Provider
) -> Iterator[bytes]:
    """All that its opinions depend on. The weights themselves: a name on the hub is no version."""
    yield provider.encode()
    yield model.config.to_json_string().encode()
    fast = getattr(tokenizer, "backend_tokenizer", None)
    yield (fast.to_str() if fast is not None else repr(sorted(tokenizer.get_vocab().items()))).encode()
    for name, weights in model.state_dict().items():
        yield name.encode()
        yield weights.cpu().contiguous().numpy().tobytes()


@contextmanager
def _loading(name: str) -> Iterator[None]:
    """Whatever goes wrong inside becomes a ``ConfigError``; those with a better message stay."""
    try:
        yield
    except SafetyError:
        raise
    except Exception as error:  # there is no common base: OSError, ValueError, KeyError, RuntimeError
        raise ConfigError(f"model: hf:{name} cannot be loaded ({one_line(error)}): {_ALLOWED}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars, load reports or warnings on stderr while a checkpoint is loaded."""
    logging: Any = import_module("transformers.utils.logging")  # half of it has no types
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
