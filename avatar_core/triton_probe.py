"""The smallest Triton kernel, run once to learn whether Triton works on a device. Importing this needs Triton."""

from __future__ import annotations

import torch
import triton
import triton.language as tl

_SIZE = 16


@triton.jit
def count_up(out, SIZE: tl.constexpr):
    """Write 0, 1, 2, ... to ``out`` (SIZE,) int32."""
    place = tl.arange(0, SIZE)
    tl.store(out + place, place)


def probe(device: torch.device) -> None:
    """Compile and run the kernel on ``device``; whatever Triton raises where it does not work comes through."""
    out = torch.full((_SIZE,), -1, dtype=torch.int32, device=device)
    count_up[(1,)](out, SIZE=_SIZE)
    if out.tolist() != list(range(_SIZE)):
        raise RuntimeError("the probe kernel wrote wrong numbers")
