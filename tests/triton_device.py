"""Where the Triton tests run: on the GPU, or on the CPU through Triton's interpreter.

The interpreter is chosen by an environment variable that Triton reads while it is imported, so conftest imports this
module first. It has no effect on anything but Triton.
"""

from __future__ import annotations

import importlib.util
import os
import sys

import pytest
import torch

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")

if DEVICE.type == "cpu" and "triton" not in sys.modules:
    os.environ["TRITON_INTERPRET"] = "1"

requires_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason=f"Triton has no release for {sys.platform}"
)
