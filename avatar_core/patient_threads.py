"""Makes idle OpenMP threads sleep instead of spin; imported before anything that loads OpenMP.

By default a thread that waits for the others burns its core. As soon as another program wants that core (a video call,
a recorder, our own window), those who spin keep those who work from running: encoding then takes ten times as long.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
