"""One training loop for all networks, on Lightning Fabric: one process or many, CPU or GPU, resumable.

A training is a `Task` (model, batches, loss, pictures), a `LoopConfig`, and a call of `train`. It needs
``pip install 'instant-gaussian-avatar[train]'``.
"""

from avatar_core.training.loop.checkpoints import load_model
from avatar_core.training.loop.loop import Outcome, train
from avatar_core.training.loop.settings import load_settings, run_command
from avatar_core.training.loop.task import LoopConfig, Task

__all__ = ["LoopConfig", "Outcome", "Task", "load_model", "load_settings", "run_command", "train"]
