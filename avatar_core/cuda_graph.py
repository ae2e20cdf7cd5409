"""Work of fixed buffers as a CUDA graph: one launch from the host for many kernels."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch

_LOG = logging.getLogger(__name__)


class CapturedWork:
    """Runs ``work``, from its second run on as a CUDA graph.

    ``work`` must read and write the same buffers each time and never wait for the GPU. Its first run is an ordinary
    one: kernels compile in it. On a device other than CUDA every run is ordinary.
    """

    def __init__(self, work: Callable[[], object], device: torch.device) -> None:
        self._work = work
        self._may_capture = device.type == "cuda"
        self._warm = False
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> None:
        """Enqueue the work on the current stream."""
        if self._graph is None and self._warm and self._may_capture:
            self._capture()
        if self._graph is not None:
            self._graph.replay()
            return
        self._work()
        self._warm = True

    def _capture(self) -> None:
        graph = torch.cuda.CUDAGraph()
        try:
            # thread_local: another thread may use the GPU meanwhile (encoding beside the frame loop)
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                self._work()
        except RuntimeError as error:
            self._may_capture = False
            _LOG.warning("Kernels are launched one by one, as they cannot be captured: %s", error)
        else:
            self._graph = graph
