"""PyTorch, loaded with the garbage collector at rest; imported before anything else that loads it.

PyTorch's modules are some hundred thousand objects that live as long as the program. While they are made, the collector
searches them again and again for garbage, which is a tenth of the start; afterwards each of its full rounds would, a
pause in the frame loop. So it rests until they are there, and leaves them out from then on.
"""

import gc

import avatar_core.patient_threads  # noqa: F401 (before PyTorch loads OpenMP)

_collecting = gc.isenabled()
gc.disable()
try:
    import torch  # noqa: F401 (for its effect)
finally:
    gc.freeze()
    if _collecting:
        gc.enable()
