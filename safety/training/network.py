"""The network: a pretrained encoder, two poolings, and one linear layer with every head in it; after its
first layers a small one that says early what the whole will say.

Mean pooling keeps what the sentence encoder knows; maximum pooling lets a short attack in a long text speak
up. The lowest layers and the word embeddings may stay as they were: cheaper, and kinder to words that the
training data never saw.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModel
from transformers.utils import logging

from safety.detectors.model import HARM
from safety.models.heads import HEADS
from safety.training.device import attention

OUTPUTS = len(HEADS) + len(HARM)
HIDDEN = 128  # units of the early heads


class Network(nn.Module):
    """Token ids, mask and roles in; per text a row of logits out (heads, then severities), and a row of those
    that the first ``early`` layers give (heads)."""

    def __init__(self, base: Path, *, layers: int, early: int, frozen: int, dropout: float) -> None:
        super().__init__()
        self.encoder = pretrained(base, layers)
        self.dropout = nn.Dropout(dropout)
        width = self.encoder.config.hidden_size
        self.heads = nn.Linear(2 * width, OUTPUTS)
        self._after = early
        self.early = nn.Sequential(nn.Linear(2 * width, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, len(HEADS)))
        self._freeze(frozen)

    def _freeze(self, layers: int) -> None:
        if layers < 0:
            return
        still = [self.encoder.embeddings.word_embeddings, *self.encoder.encoder.layer[:layers]]
        if layers:
            still += [self.encoder.embeddings.position_embeddings, self.encoder.embeddings.LayerNorm]
        for part in still:
            part.requires_grad_(False)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logits and early logits, one row per text each."""
        states = self.encoder(
            input_ids=input_ids,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            output_hidden_states=True,
        ).hidden_states
        mask = attention_mask.unsqueeze(-1).to(states[-1].dtype)
        whole = self.heads(self.dropout(_pooled(states[-1], mask)))
        return whole, self.early(_pooled(states[self._after], mask))


def _pooled(states: Tensor, mask: Tensor) -> Tensor:
    mean = (states * mask).sum(1) / mask.sum(1)
    return torch.cat((mean, (states - (1 - mask) * 1e4).amax(1)), -1)


def pretrained(base: Path, layers: int) -> Any:
    """The first ``layers`` of the encoder in ``base``."""
    logging.set_verbosity_error()  # the base's own head is left out: no news
    logging.disable_progress_bar()
    encoder = AutoModel.from_pretrained(
        base,
        attn_implementation=attention(),
        add_pooling_layer=False,
        # Drawing random numbers for every state costs a CPU more than what they regularise is worth, and
        # with them attention falls back to its slow form.
        attention_probs_dropout_prob=0.0,
        hidden_dropout_prob=0.0,
    )
    encoder.encoder.layer = encoder.encoder.layer[:layers]
    encoder.config.num_hidden_layers = layers
    return encoder
