import os
import subprocess
import sys

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
