"""Whether Triton kernels run on a device, and in words why not.

Triton comes with PyTorch's CUDA build on Linux. It needs no CUDA toolkit, but compiles a small launcher when it is
first used, for which it wants a C compiler and Python's headers.
"""

from __future__ import annotations

import functools
import importlib.util
import subprocess

import torch


@functools.cache
def triton_obstacle(device: torch.device) -> str | None:
    """Why Triton kernels do not run on ``device``; None when they do. The first call compiles and runs a small one."""
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    try:
        from avatar_core.triton_probe import probe

        probe(device)
    except subprocess.CalledProcessError:
        return "Triton's launcher does not compile: install Python's headers (Debian, Ubuntu: apt install python3-dev)"
    except Exception as error:  # a compiler, a driver and a GPU take part: what they raise is theirs to choose
        reason = str(error).strip().splitlines() or [type(error).__name__]
        return f"Triton's kernels do not run: {reason[0]}"
    return None
