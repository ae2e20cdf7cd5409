"""How the libraries' threads behave beside ours; imported before anything that loads them.

OpenMP's idle threads sleep instead of spin. By default a thread that waits for the others burns its core. As soon as
another program wants that core (a video call, a recorder, our own window), those who spin keep those who work from
running: encoding then takes ten times as long.

NumPy's and SciPy's OpenBLAS keeps to the calling thread. Called from several threads at once (rendering, tracking,
encoding), the release that NumPy 1 ships now and then waits forever for a helper thread that sleeps: the window stands
still. The matrices it sees here are small; one thread is as fast.
"""

import os
import sys

from threadpoolctl import threadpool_limits

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ["OPENBLAS_NUM_THREADS"] = "1"
if "numpy" in sys.modules:  # loaded by the caller before us, so that the variable comes too late
    threadpool_limits(1, user_api="blas")
