"""What a training runs on, and in which numbers."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

_CPU = Path("/proc/cpuinfo")
_BF16 = {"amx_bf16", "avx512_bf16"}  # its flags


def device() -> torch.device:
    """A GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@cache
def halves() -> bool:
    """Whether products of bf16 are quicker here than those of 32 bits: on a GPU, and on a CPU that multiplies
    them (two to three times as quick)."""
    return device().type == "cuda" or (_CPU.is_file() and not _BF16.isdisjoint(_CPU.read_text().split()))


def attention() -> str:
    """The way to attend: the fused one goes backward six times slower than its parts in bf16 on a CPU."""
    return "eager" if halves() and device().type == "cpu" else "sdpa"
