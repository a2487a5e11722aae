"""A tiny pretrained base, and a tiny network of a verifier on it."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'; continuous integration has it")
transformers = pytest.importorskip("transformers", reason="training needs the extra 'train'")

from shipped_like import WORDS  # noqa: E402

from safety.training.grounding.network import PairNetwork  # noqa: E402

HEADS = 4


def saved(folder: Path) -> Path:
    """A BERT of two layers, as transformers saves it."""
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=HEADS,
        intermediate_size=64,
    )
    torch.manual_seed(3)
    transformers.BertModel(config).save_pretrained(folder)
    return folder


def pair_network(base: Path, *, dropout: float = 0.0) -> PairNetwork:
    """With the same weights each time."""
    torch.manual_seed(0)
    return PairNetwork(base, layers=2, dropout=dropout)
