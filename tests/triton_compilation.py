"""Compiles every kernel of the CUDA path as it is launched, for a GPU that need not be there.

    python -m tests.triton_compilation ARCHITECTURE...          (80, 90, ...)

An avatar is animated and a scene drawn with launches recorded instead of run; each recorded launch, with the types,
alignments and constants of its real arguments, goes through Triton's compiler and NVIDIA's assembler down to machine
code. Prints one JSON object a kernel: registers, stack and shared memory in bytes, and its PTX's matrix instructions.
Runs in a process of its own: here Triton must not interpret.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction

from avatar_core.camera import Camera
from avatar_core.models.animator_triton import TritonAnimator
from avatar_core.motion import HeadPose
from avatar_core.rendering.triton_frame import TritonFrame
from avatar_core.triton_probe import probe
from tests.models.animator_scenes import random_activations, random_avatar, random_networks
from tests.rendering.scenes import cloud

OPTIONS = ("num_warps", "num_stages")
POINTERS = {
    torch.float32: "*fp32",
    torch.float16: "*fp16",
    torch.int16: "*i16",
    torch.int32: "*i32",
    torch.int64: "*i64",
}
DISASSEMBLER = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"


def recorded_launches() -> list[tuple[JITFunction, dict[str, Any], dict[str, int]]]:
    """(kernel, arguments by name, options) of every launch in a frame; sizes as odd and as even as they come."""
    launches = []

    def record(kernel: JITFunction, *arguments: Any, grid: Any, warmup: bool, **named: Any) -> None:
        options = {name: named.pop(name) for name in OPTIONS if name in named}
        launches.append((kernel, {**dict(zip(kernel.arg_names, arguments, strict=False)), **named}, options))

    JITFunction.run = record
    for count, side in ((333, 100), (1024, 512), (1, 1)):
        animator = TritonAnimator(random_avatar(count, motionless=count // 4), random_networks(), torch.device("cpu"))
        animator.animate(random_activations(1), HeadPose())
        frame = TritonFrame(count, side, side, torch.device("cpu"))
        frame.aim(Camera.orbit())
        frame.take(cloud(count).planar)
        frame.reserve(4 * count)
        for stage in (frame.project, frame.bin, frame.blend):
            stage()
    wide = TritonFrame(1000, 4096, 4096, torch.device("cpu"))  # more tiles than 16 bits count
    wide.reserve(5000)
    wide.bin()
    with contextlib.suppress(RuntimeError):  # it rightly misses its numbers
        probe(torch.device("cpu"))
    return launches


def compiled(kernel: JITFunction, arguments: dict[str, Any], options: dict[str, int], architecture: int) -> dict:
    """Machine code of a launch for ``architecture``, in figures."""
    signature, constants, attributes = {}, {}, {}
    for index, parameter in enumerate(kernel.params):
        value = arguments[parameter.name]
        is_tensor = isinstance(value, torch.Tensor)
        special = not parameter.do_not_specialize
        if parameter.is_constexpr or (special and not is_tensor and value == 1):
            signature[parameter.name], constants[(index,)] = "constexpr", value
            continue
        if special and (value.data_ptr() if is_tensor else value) % 16 == 0:
            attributes[(index,)] = [["tt.divisibility", 16]]
        signature[parameter.name] = POINTERS[value.dtype] if is_tensor else "i32" if abs(value) < 2**31 else "i64"
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants, attrs=attributes)
    result = triton.compile(source, target=GPUTarget("cuda", architecture, 32), options=options)
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(result.asm["cubin"])
        file.flush()
        command = [DISASSEMBLER, "--dump-resource-usage", file.name]
        usage = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    registers, stack = re.search(r"REG:(\d+) STACK:(\d+)", usage).groups()
    return {
        "kernel": kernel.__name__,
        "registers": int(registers),
        "stack": int(stack),
        "shared": result.metadata.shared,
        "matrix_instructions": len(re.findall(r"mma\.sync|wgmma\.mma_async", result.asm["ptx"])),
    }


if __name__ == "__main__":
    launches = recorded_launches()
    for architecture in map(int, sys.argv[1:]):
        seen = set()
        for launch in launches:
            report = json.dumps({"architecture": architecture, **compiled(*launch, architecture)})
            if report not in seen:
                print(report, flush=True)
            seen.add(report)
