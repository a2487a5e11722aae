"""The network: a pretrained encoder, two poolings, and one linear layer with every head in it.

Mean pooling keeps what the sentence encoder knows; maximum pooling lets a short attack in a long text speak
up. The lowest layers and the word embeddings may stay as they were: cheaper, and kinder to words that the
training data never saw.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from transformers import AutoModel
from transformers.utils import logging

from safety.detectors.model import HARM
from safety.models.heads import HEADS

OUTPUTS = len(HEADS) + len(HARM)


class Network(nn.Module):
    """Token ids, mask and roles in; one row of logits per text out (heads, then severities)."""

    def __init__(self, base: Path, *, layers: int, frozen: int, dropout: float) -> None:
        super().__init__()
        logging.set_verbosity_error()  # the base's own head is left out: no news
        logging.disable_progress_bar()
        self.encoder = AutoModel.from_pretrained(
            base,
            attn_implementation="sdpa",
            add_pooling_layer=False,
            # Drawing random numbers for every state costs a CPU more than what they regularise is worth, and
            # with them attention falls back to its slow form.
            attention_probs_dropout_prob=0.0,
            hidden_dropout_prob=0.0,
        )
        self.encoder.encoder.layer = self.encoder.encoder.layer[:layers]
        self.encoder.config.num_hidden_layers = layers
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.Linear(2 * self.encoder.config.hidden_size, OUTPUTS)
        self._freeze(frozen)

    def _freeze(self, layers: int) -> None:
        if layers < 0:
            return
        still = [self.encoder.embeddings.word_embeddings, *self.encoder.encoder.layer[:layers]]
        if layers:
            still += [self.encoder.embeddings.position_embeddings, self.encoder.embeddings.LayerNorm]
        for part in still:
            part.requires_grad_(False)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """Logits, one row per text."""
        states = self.encoder(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        mean = (states * mask).sum(1) / mask.sum(1)
        most = (states - (1 - mask) * 1e4).amax(1)
        return cast(Tensor, self.heads(self.dropout(torch.cat((mean, most), -1))))
