import os
import subprocess
import sys

import pytest

SCRIPT = """
import builtins, os, sys
real_import = builtins.__import__
def watch(name, *rest, **more):
    if name == "torch" and "torch" not in sys.modules:
        assert os.environ.get("OMP_WAIT_POLICY") == "passive", "OpenMP loads before it is told to be patient"
    return real_import(name, *rest, **more)
builtins.__import__ = watch
import app.cli, app.headless, avatar_core.engine
assert "torch" in sys.modules
"""


def test_waiting_threads_sleep_whatever_is_imported_first() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    subprocess.run([sys.executable, "-c", SCRIPT], check=True, env=environment)


def test_a_users_own_choice_stands() -> None:
    check = "import os, avatar_core; assert os.environ['OMP_WAIT_POLICY'] == 'active'"
    subprocess.run([sys.executable, "-c", check], check=True, env={**os.environ, "OMP_WAIT_POLICY": "active"})


@pytest.mark.parametrize("first", ["numpy, scipy.linalg", "avatar_core.engine"])
def test_openblas_keeps_to_the_calling_thread(first: str) -> None:
    check = (
        f"import {first}, avatar_core.engine, scipy.linalg, threadpoolctl\n"
        "found = [pool for pool in threadpoolctl.threadpool_info() if pool['internal_api'] == 'openblas']\n"
        "assert found and all(pool['num_threads'] == 1 for pool in found), found"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    subprocess.run([sys.executable, "-c", check], check=True, env=environment)
