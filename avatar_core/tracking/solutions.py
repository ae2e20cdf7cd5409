"""MediaPipe's solutions, each without all the others.

Importing any module of MediaPipe runs the package's own ``__init__``, which imports every solution, their drawing tools
with Matplotlib, and the audio and text tasks: more than half a second before the first face is looked for. Here the two
packages that do so are put off: their submodules import as ever, and their ``__init__`` runs when somebody asks them
for a name that they do not have yet.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from types import ModuleType
from typing import Any


def solution(name: str) -> ModuleType:
    """MediaPipe's module ``mediapipe.python.solutions.<name>``, such as "face_mesh".

    Raises:
        ImportError: MediaPipe is not installed, or has no such solution.
    """
    os.environ.setdefault("GLOG_minloglevel", "3")  # MediaPipe's C++ side logs every start-up to stderr
    _put_off("mediapipe")
    _put_off("mediapipe.python.solutions")
    return importlib.import_module(f"mediapipe.python.solutions.{name}")


class _PutOff(ModuleType):
    """A package whose ``__init__`` has not run yet."""

    def __getattr__(self, name: str) -> Any:
        loader = None if self.__spec__ is None else self.__spec__.loader
        if name.startswith("__") or loader is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        module = importlib.util.find_spec(f"{self.__name__}.{name}")
        if module is not None and module.submodule_search_locations is None:
            return importlib.import_module(module.name)  # a submodule that imports another: it is not ready itself
        self.__class__ = ModuleType  # type: ignore[assignment]  # what follows looks names up here as well
        loader.exec_module(self)
        return getattr(self, name)


def _put_off(package: str) -> None:
    """Enter ``package`` among the imported modules, unless it is there, without running its ``__init__``."""
    if package in sys.modules:
        return
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise ImportError(f"{package} is not installed. Install the program's requirements.", name=package)
    module = importlib.util.module_from_spec(spec)
    module.__class__ = _PutOff
    module = sys.modules.setdefault(package, module)
    parent, _, child = package.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)
