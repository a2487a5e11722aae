"""ONNX Runtime sessions: made in one way, and for one provider that is really there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safety.detectors.model import Provider
from safety.errors import ConfigError, MissingExtra

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, SessionOptions

PAY = 4  # threads per call that still pay for a small encoder
_PROVIDERS: dict[Provider, tuple[str, str]] = {  # ONNX Runtime's name, and the package that has it
    "cpu": ("CPUExecutionProvider", "onnxruntime"),
    "cuda": ("CUDAExecutionProvider", "onnxruntime-gpu"),
    "openvino": ("OpenVINOExecutionProvider", "onnxruntime-openvino"),
}
_FATAL = 4  # the log level: whatever matters is raised as well


def session(
    model: str | Path | bytes, provider: Provider = "cpu", threads: int = 0, place: str = "model"
) -> InferenceSession:
    """A session for a file, or for its bytes and where they are from, to be used from many threads at a time.

    ``threads``: per call; 0 is one per available core, up to four. ``MissingExtra`` without onnxruntime;
    ``ConfigError`` for a provider that is not there and for a model that cannot be loaded.
    """
    runtime = _runtime()
    name = _provider(provider, runtime)
    place = place if isinstance(model, bytes) else f"model: {model}"
    source = model if isinstance(model, bytes) else str(model)
    try:
        made: InferenceSession = runtime.InferenceSession(
            source, _options(runtime, threads), providers=[name]
        )
    except Exception as error:  # the library has no common base for its errors
        raise ConfigError(
            f"{place}: onnxruntime {runtime.__version__} cannot load it ({' '.join(str(error).split())}): "
            "allowed are ONNX files for this version, with their external data beside them"
        ) from error
    _check_runs_on(name, made, provider)
    return made


def available_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra("model: onnxruntime is not installed: pip install onnxruntime") from error
    return onnxruntime


def _options(runtime: Any, threads: int) -> SessionOptions:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads or min(PAY, available_cores())
    options.inter_op_num_threads = 1
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = _FATAL
    # A thread that spins between calls takes the core from the proxy that it works for.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _provider(provider: Provider, runtime: Any) -> str:
    name, package = _PROVIDERS[provider]
    there = runtime.get_available_providers()
    if name not in there:
        allowed = ", ".join(short for short, (long, _) in _PROVIDERS.items() if long in there)
        raise ConfigError(
            f"provider: {provider}: this onnxruntime has no {name}: pip install {package}, or use what is "
            f"available: {allowed}"
        )
    return name


def _check_runs_on(name: str, made: InferenceSession, provider: Provider) -> None:
    """ONNX Runtime falls back to the CPU, and only logs it, when a provider's libraries cannot be loaded."""
    if name not in made.get_providers():
        raise ConfigError(
            f"provider: {provider}: {name} is there and does not start (driver or libraries missing): "
            f"repair it, or use what runs: cpu"
        )
