"""Which device runs the frame loop, and why, in words for the user."""

from __future__ import annotations

import importlib.util

import torch

from avatar_core.errors import DeviceError


def choose_device(request: str) -> tuple[torch.device, str]:
    """The device for ``request`` ("auto", "cpu" or "cuda") and a sentence that says which and why.

    Raises:
        DeviceError: the request is unknown, or asks for CUDA where it cannot run.
    """
    if request not in ("auto", "cpu", "cuda"):
        raise DeviceError(f'device must be "auto", "cpu" or "cuda", got {request!r}')
    if request == "cpu":
        return torch.device("cpu"), cpu_report("as asked")
    obstacle = _cuda_obstacle()
    if obstacle is None:
        return torch.device("cuda"), f"CUDA, {torch.cuda.get_device_name(0)}"
    if request == "cuda":
        raise DeviceError(f"CUDA cannot be used ({obstacle}): mend that, or start with --device cpu.")
    return torch.device("cpu"), cpu_report(obstacle)


def cpu_report(why: str) -> str:
    """A sentence that the CPU runs the frame loop, and ``why``."""
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads != 1 else ''} ({why})"


def _cuda_obstacle() -> str | None:
    if not torch.cuda.is_available():
        return "no CUDA GPU found by PyTorch" if torch.version.cuda else "PyTorch was installed without CUDA"
    if importlib.util.find_spec("triton") is None and importlib.util.find_spec("gsplat") is None:
        return "a GPU is there but neither Triton nor gsplat is installed: pip install 'instant-gaussian-avatar[cuda]'"
    return None
