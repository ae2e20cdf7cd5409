"""How this package compiles its Numba kernels: one set of options and one on-disk cache.

Every kernel module takes its decorators from here, so the cache directory is chosen before the first function is
compiled. Numba notices a change of the file a kernel stands in, but not of the files its inlined helpers come from;
the directory is therefore named after a digest of all kernel sources. A change of any of them compiles afresh.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numba
from numba.extending import intrinsic as _numba_intrinsic

_log = logging.getLogger(__name__)
_settings: Any = numba.config

FAST_MATH = {"contract", "reassoc", "nsz", "arcp", "afn"}
"""Floating-point freedoms that let loops vectorise; NaN and infinity keep their meaning: bad input is told."""


def _user_cache_directory() -> Path:
    """The platform's directory for files that may be deleted at any time."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "instant-gaussian-avatar"


def _kernel_sources() -> list[Path]:
    """Files that hold kernels, helpers of kernels, or sizes that are compiled into them."""
    package = Path(__file__).resolve().parent.parent
    patterns = (
        "rendering/*.py", "models/animator*.py", "models/descriptor*.py", "models/*_decoder.py", "models/box_qp.py",
        "lift/*.py", "training/splatting/*.py",
    )  # fmt: skip
    return sorted(source for pattern in patterns for source in package.glob(pattern))


def _kernel_sources_digest() -> str:
    """Twelve hexadecimal digits that change with the content of any of `_kernel_sources`."""
    digest = hashlib.sha256()
    for source in _kernel_sources():
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def kernel_stamp() -> str:
    """Twelve hexadecimal digits that change when Numba compiles afresh: with place, time or size of a source file."""
    digest = hashlib.sha256()
    for source in _kernel_sources():
        status = source.stat()
        digest.update(f"{source} {status.st_mtime_ns} {status.st_size}\n".encode())
    return digest.hexdigest()[:12]


def choose_cache_directory() -> str:
    """Point Numba at a writable directory for compiled kernels and return it; ``NUMBA_CACHE_DIR`` wins when set.

    Without a writable user directory the kernels live in a private temporary one: the program runs all the same and
    compiles again at each start. A shared temporary name is never used, as Numba loads cached code unchecked.
    """
    if os.environ.get("NUMBA_CACHE_DIR"):
        return str(_settings.CACHE_DIR)
    try:
        directory = _user_cache_directory() / f"kernels-{_kernel_sources_digest()}"
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except (OSError, RuntimeError) as error:
        directory = Path(tempfile.mkdtemp(prefix="instant-gaussian-avatar-"))
        _log.warning("no writable cache directory (%s): kernels are compiled again at each start", error)
    _settings.CACHE_DIR = str(directory)
    return str(directory)


CACHE_DIRECTORY = choose_cache_directory()

# The "numpy" error model divides by zero as the processor does; Python's would put a branch into every division.
_compile = partial(numba.njit, fastmath=FAST_MATH, error_model="numpy", cache=True)

inlined: Callable[..., Any] = partial(_compile, inline="always")
"""Small helpers that must vanish into the loops that call them."""

kernel: Callable[..., Any] = partial(_compile, nogil=True)
"""Single-threaded kernels."""

parallel_kernel: Callable[..., Any] = partial(_compile, nogil=True, parallel=True)
"""Kernels that start worker threads with ``prange``."""


intrinsic: Callable[[Callable[..., Any]], Any] = _numba_intrinsic
"""Functions given as LLVM instructions; typed so that their callers see the kernel's arguments only."""


one_launch_at_a_time = threading.RLock()
"""Held while a `parallel_kernel` runs: Numba's threads belong to the process, and one of its threading layers ends the
process when two of its own threads launch at once."""


def thread_limit() -> int:
    """The number of threads Numba may use: the cores this process is allowed on, unless the user set another."""
    return int(_settings.NUMBA_NUM_THREADS)
