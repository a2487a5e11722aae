"""The network: a pretrained encoder that reads evidence and claim together, a head for the claim, and one for
each of its words."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from safety.training.network import pretrained

OUTPUTS = 2  # not borne out; if so, contradicted


class PairNetwork(nn.Module):
    """Token ids, mask and types (1: of the claim) in; per pair a row of logits out, and one per token."""

    def __init__(self, base: Path, *, layers: int, dropout: float) -> None:
        super().__init__()
        self.encoder = pretrained(base, layers)
        self.encoder.embeddings.word_embeddings.requires_grad_(False)
        width = self.encoder.config.hidden_size
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.Linear(3 * width, OUTPUTS)
        self.words = nn.Linear(width, 1)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logits (pairs, 2) and (pairs, tokens); the latter mean something for tokens of claims only."""
        states = self.encoder(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state
        claim = token_type_ids.unsqueeze(-1).to(states.dtype)
        mean = (states * claim).sum(1) / claim.sum(1)
        most = (states - (1 - claim) * 1e4).amax(1)
        pooled = torch.cat((states[:, 0], mean, most), -1)
        return self.heads(self.dropout(pooled)), self.words(states).squeeze(-1)
