import subprocess
import sys

CODE = """
import os, sys
from app.native_chatter import without_native_chatter
with without_native_chatter():
    os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\\n")
    os.write(2, b"W0000 00:00:1 15 inference_feedback_manager.cc:114] Feedback manager\\n")
    os.write(2, b"native trouble\\n")
    print("error: bad input", file=sys.stderr)
os.write(2, b"INFO: Created TensorFlow Lite again\\n")
"""


def test_chatter_is_dropped_and_everything_else_passes() -> None:
    finished = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60)
    assert finished.returncode == 0
    assert sorted(finished.stderr.splitlines()) == [
        "INFO: Created TensorFlow Lite again",
        "error: bad input",
        "native trouble",
    ]


def test_what_a_dying_child_prints_is_not_lost() -> None:
    code = (
        "import subprocess\n"
        "from app.native_chatter import without_native_chatter\n"
        "with without_native_chatter():\n"
        "    subprocess.run(['sh', '-c', 'echo from the child >&2'])\n"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert finished.stderr == "from the child\n"
