"""The CUDA part of `python -m avatar_core.bench`: the stages of a frame on the GPU, and the floor beside each.

A frame is enqueued whole while the GPU is held up, so that it runs without gaps; events between the stages give each
its time, caches as they are in a running program. The floor of a stage is the larger of two times: the bytes it must
read and write at least once over the bandwidth of a device-to-device copy, and its products' operations over the rate
of a half precision matrix product, both measured here. No version of a stage can be much faster than its floor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from avatar_core.avatar import Avatar
from avatar_core.benchmarks.frames import PERFORMANCE_STEP, WARM_UP_FRAMES, Report, frame_figures, with_count
from avatar_core.camera import Camera
from avatar_core.cuda_graph import CapturedWork
from avatar_core.models.animator import fused_obstacle
from avatar_core.models.networks import MotionNetworks
from avatar_core.motion import HeadPose
from avatar_core.performance import motion_at
from avatar_core.rendering.device_picture import over

if TYPE_CHECKING:
    from avatar_core.engine import AvatarEngine

Drive = tuple[NDArray[np.float32], HeadPose]

COUNTS, SIZES = (196_608, 262_144), (512, 1024)
STAGES = ("animate", "project", "sort", "blend", "compose", "copy")

_HELD_UP = 4_000_000  # clock cycles, about 2 ms: the host enqueues a frame in less
_COPIED = 2**28  # bytes, beyond any cache
_PRODUCT = 4096  # side of the matrices


def cuda_figures(engine: AvatarEngine, avatar: Avatar, frames: int) -> Report:
    """Figures of ``avatar`` thinned or repeated to each of `COUNTS`, at each of `SIZES`, on the engine's GPU."""
    limits = {"copy_gb_per_s": copy_rate(), "half_tflop_per_s": product_rate(), "to_host_gb_per_s": host_rate()}
    obstacle = fused_obstacle(engine.networks, engine.device)
    rows = []
    for count in COUNTS:
        sized = with_count(avatar, count)
        drive = [_drive(engine, sized, max(index, 0)) for index in range(-WARM_UP_FRAMES, frames)]
        for size in SIZES:
            torch.cuda.reset_peak_memory_stats()
            row: Report = {"gaussians": count, "size": size, **frame_figures(engine, sized, size, frames)}
            row["gpu_memory_mb"] = round(torch.cuda.max_memory_allocated() / 2**20)
            if obstacle is None:
                row |= stage_figures(sized, engine.networks, engine.device, drive, size, limits)
            rows.append(row)
    return {"gpu": torch.cuda.get_device_name(), **limits, "obstacle": obstacle, "rows": rows}


def _drive(engine: AvatarEngine, avatar: Avatar, frame: int) -> Drive:
    motion = motion_at(frame * PERFORMANCE_STEP)
    pose = HeadPose(motion.pose.rotation, motion.pose.translation * avatar.scale)
    return engine.activations(avatar, motion), pose


def stage_figures(
    avatar: Avatar, networks: MotionNetworks, device: torch.device, drive: Sequence[Drive], size: int, limits: Report
) -> Report:
    """Median milliseconds of each stage of our kernels, its floor, and the load that they were measured under.

    Args:
        drive: activations and head pose of each frame; the first `WARM_UP_FRAMES` are not counted.
        limits: as in `cuda_figures`.
    """
    from avatar_core.models.animator_triton import TritonAnimator
    from avatar_core.rendering.triton_frame import TritonFrame

    animator = TritonAnimator(avatar, networks, device)
    planar = animator.animate(avatar.source_activations, HeadPose()).planar
    frame = TritonFrame(len(avatar), size, size, device)
    frame.aim(Camera.orbit())
    frame.take(planar)
    image = frame.draw()
    behind = torch.zeros(size, size, 3, dtype=torch.uint8, device=device)
    picture = torch.empty_like(behind)
    host = torch.empty(picture.shape, dtype=torch.uint8, pin_memory=True)

    def sort() -> None:
        frame.order()
        frame.bin()

    passes: dict[str, Callable[[], object]] = {
        "project": CapturedWork(frame.project, device),
        "sort": CapturedWork(sort, device),
        "blend": CapturedWork(frame.blend, device),
        "compose": CapturedWork(lambda: picture.copy_(over(image, behind)), device),
        "copy": lambda: host.copy_(picture, non_blocking=True),
    }
    times: dict[str, list[float]] = {stage: [] for stage in STAGES}
    for index, (activations, pose) in enumerate(drive):
        events = [torch.cuda.Event(enable_timing=True) for _ in range(len(STAGES) + 1)]
        torch.cuda._sleep(_HELD_UP)
        events[0].record()
        animator.animate(activations, pose)
        events[1].record()
        for event, work in zip(events[2:], passes.values(), strict=True):
            work()
            event.record()
        torch.cuda.synchronize()
        if index >= WARM_UP_FRAMES:
            for stage, before, after in zip(STAGES, events, events[1:], strict=False):
                times[stage].append(before.elapsed_time(after))
    pixels = size * size
    traffic = {"animate": animator.frame_bytes(), **frame.traffic(), "compose": pixels * (16 + 3 + 3)}
    floors = {stage: floor_ms(amount, 0, limits) for stage, amount in traffic.items()}
    floors["animate"] = floor_ms(traffic["animate"], animator.frame_operations(), limits)
    floors["copy"] = 1e3 * 3 * pixels / (1e9 * limits["to_host_gb_per_s"])
    return {
        "stage_ms": {stage: round(float(np.median(values)), 4) for stage, values in times.items()},
        "floor_ms": {stage: round(floors[stage], 4) for stage in STAGES},
        "moving": animator.moving,
        "tile_pairs": frame.pairs,
    }


def floor_ms(moved: int, operations: int, limits: Report) -> float:
    """Milliseconds for ``moved`` bytes and ``operations`` of products, whichever takes longer."""
    return max(moved / (1e6 * limits["copy_gb_per_s"]), operations / (1e9 * limits["half_tflop_per_s"]))


def describe_cuda(report: Report) -> list[str]:
    """The figures as lines for people."""
    copies, products, to_host = (report[name] for name in ("copy_gb_per_s", "half_tflop_per_s", "to_host_gb_per_s"))
    lines = [
        f"On {report['gpu']}: copies move {copies:.0f} GB/s (read and written), half precision products run at "
        f"{products:.0f} TFLOP/s, {to_host:.1f} GB/s go to the host"
    ]
    if report["obstacle"]:
        lines.append(f"No times of single stages, as our kernels cannot run here: {report['obstacle']}")
    heads = "".join(f"{stage:>10}" for stage in (*STAGES, "sum"))
    lines.append(f"Median ms (floor below), GPU alone:{heads}{'fps':>10}{'MB':>8}")
    for row in report["rows"]:
        name = f"{row['gaussians']} Gaussians, {row['size']} px"
        spent = _cells(row.get("stage_ms"))
        lines.append(f"{name:<35}{spent}{row['frames_per_second']:>10.1f}{row['gpu_memory_mb']:>8}")
        if "floor_ms" in row:
            load = f"  {row['moving']} moving, {row['tile_pairs']} tile pairs"
            lines.append(f"{load:<35}{_cells(row['floor_ms'])}")
    lines.append("fps: the engine's frames one after the other, host included; MB: the most GPU memory that torch held")
    return lines


def _cells(times: dict[str, float] | None) -> str:
    if times is None:
        return f"{'-':>10}" * (len(STAGES) + 1)
    values = [times[stage] for stage in STAGES]
    return "".join(f"{value:>10.3f}" for value in (*values, sum(values)))


def copy_rate() -> float:
    """GB/s of a large copy on the GPU, bytes read plus bytes written."""
    source = torch.randint(0, 255, (_COPIED,), dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return 2 * _COPIED / (1e6 * _median_ms(lambda: target.copy_(source)))


def host_rate() -> float:
    """GB/s of a large copy from the GPU to pinned host memory."""
    source = torch.randint(0, 255, (_COPIED // 4,), dtype=torch.uint8, device="cuda")
    target = torch.empty(source.shape, dtype=torch.uint8, pin_memory=True)
    return source.numel() / (1e6 * _median_ms(lambda: target.copy_(source, non_blocking=True)))


def product_rate() -> float:
    """TFLOP/s of a large half precision matrix product on random values."""
    a, b = (torch.randn(_PRODUCT, _PRODUCT, device="cuda").half() for _ in range(2))
    out = torch.empty_like(a)
    return 2 * _PRODUCT**3 / (1e9 * _median_ms(lambda: torch.matmul(a, b, out=out)))


def _median_ms(work: Callable[[], object], repeats: int = 20) -> float:
    times = []
    for index in range(-3, repeats):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        work()
        end.record()
        torch.cuda.synchronize()
        if index >= 0:
            times.append(start.elapsed_time(end))
    return float(np.median(times))
