"""From a detector's options to a model, loaded once however many detectors ask for it."""

from __future__ import annotations

import threading
from pathlib import Path
from weakref import WeakValueDictionary

from safety.detectors.groundedness.detector import GroundednessOptions
from safety.detectors.groundedness.verifier import Verifier
from safety.detectors.groundedness.writer import Writer
from safety.detectors.model import EVEN, NONE, SHIPPED, ModelOptions, Scorer
from safety.errors import ConfigError
from safety.models.card import CARD, TOKENIZER, WEIGHTS
from safety.models.cascade import Cascade

HUB = "hf:"

# The one thing here that outlives a call: weights are big, and a changed policy's detectors must not hold a
# second copy while requests still end under the old one. Kept only as long as some detector uses them.
_loaded: WeakValueDictionary[str, Scorer] = WeakValueDictionary()
_verifiers: WeakValueDictionary[str, Verifier] = WeakValueDictionary()
_lock = threading.Lock()


def scorer_for(options: ModelOptions) -> Scorer | None:
    """The model that ``options`` name, ``None`` for none.

    ``ConfigError`` for one that cannot be used, ``MissingExtra`` for one that needs a package.
    """
    if options.model == NONE:
        return None
    key = _key(options)
    with _lock:
        scorer = _loaded.get(key)
        if scorer is None:
            scorer = _loaded[key] = _load(options)
        return scorer


def verifier_for(options: GroundednessOptions) -> Verifier | None:
    """The verifier that the options name, ``None`` for none. Raises as ``scorer_for`` does."""
    name = str(options.model)
    if name == NONE:
        return None
    folder = WEIGHTS / "verifier" if name == SHIPPED else _folder(name)
    if folder is None:
        raise ConfigError(
            f"model: {name!r}: allowed are {SHIPPED}, {NONE}, and a folder with {CARD} that "
            "'safety-layer train verifier' wrote"
        )
    card = folder / CARD
    age = card.stat().st_mtime_ns if card.is_file() else 0
    key = repr((str(folder), age, options.provider, options.threads))
    with _lock:
        found = _verifiers.get(key)
        if found is None:
            from safety.models.verifier import CrossEncoder  # not where no model is asked

            found = _verifiers[key] = CrossEncoder.load(folder, options.provider, options.threads)
        return found


def writer_for(options: GroundednessOptions) -> Writer | None:
    """The chat model that the options name, ``None`` where nothing is asked of one."""
    if not (options.judge or options.correction == "endpoint"):
        return None
    from safety.models.chat import ChatWriter

    return ChatWriter(
        options.endpoint, options.endpoint_model, options.endpoint_key, options.endpoint_timeout
    )


def _key(options: ModelOptions) -> str:
    """Equal for options that want the same model: its files' ages count, detectors' own options do not."""
    name = str(options.model)
    own = (sorted(options.labels.items()), options.threshold, options.provider, options.threads)
    folder = _folder(name)
    files = [Path(name)] if folder is None else [folder / CARD]  # a card changes with any file beside it
    ages = [file.stat().st_mtime_ns for file in files if file.is_file()]
    return repr((name, ages, own))


def _load(options: ModelOptions) -> Scorer:
    name = str(options.model)
    folder = WEIGHTS / "guard" if name == SHIPPED else _folder(name)
    if folder is not None:
        if options.labels:
            raise ConfigError(
                f"labels: the {name} model has none to map: leave them out, or name another model"
            )
        if options.threshold != EVEN:
            raise ConfigError(
                f"threshold: the {name} model has its own, which is the score 0.5: leave it out, and set "
                "min_score in the rules, or name another model"
            )
        return Cascade.load(folder, options.provider, options.threads)
    if name.startswith(HUB):
        from safety.models.hub import HubScorer  # needs an extra

        return HubScorer(options)
    if name.endswith(".onnx"):
        from safety.models.onnx_file import OnnxScorer

        return OnnxScorer(options)
    raise ConfigError(
        f"model: {name!r}: allowed are {SHIPPED}, {NONE}, {HUB}organisation/name, path/to/model.onnx, and a "
        f"folder with {CARD}"
    )


def _folder(name: str) -> Path | None:
    """The folder of a model that ``train`` made, named itself or by its tokenizer, as policies do."""
    folder = Path(name).parent if Path(name).name == TOKENIZER else Path(name)
    return folder if (folder / CARD).is_file() else None
