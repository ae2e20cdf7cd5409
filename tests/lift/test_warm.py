"""Warm-up compiles what encoding uses: a first photo must not wait for the compiler."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
import skimage.data
from numba.core.dispatcher import Dispatcher
from avatar_core.engine import AvatarEngine

def signatures():
    modules = [module for name, module in list(sys.modules.items()) if name.startswith("avatar_core")]
    kernels = [value for module in modules for value in vars(module).values() if isinstance(value, Dispatcher)]
    return {f"{kernel.py_func.__module__}.{kernel.__name__}": set(map(str, kernel.signatures)) for kernel in kernels}

engine = AvatarEngine.from_pretrained(device="cpu")
engine.warm_up()
before = signatures()
engine.encode(skimage.data.astronaut())
print(sorted(name for name, known in signatures().items() if known - before.get(name, set())))
"""


def test_encoding_compiles_nothing_after_the_warm_up() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0] == "[]"
