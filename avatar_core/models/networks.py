"""The motion networks as one module, and their weights file.

In: activations (A,), A = 53 named + 4 gaze angles + K residual modes, of the source and of the driver, and per Gaussian
its canonical coordinate, normal and part. Out: the change (N, 14) of the raw Gaussian attributes in canonical axes.

    code    = Linear(activations)                                                  (512,)
    f, m    = descriptors(u, normal, part)                                         (N, 48) each, once per avatar
    delta_f = Psi(m; code_source, code_driver) - Psi(m; code_source, code_source)  (N, 48)
    change  = raw_unit * (Phi(f + delta_f) - Phi(f))                               (N, 14)

`change` is the plain form of the frame equation (tests, training, the solver); the frame loop uses the folded form of
`avatar_core.models.animator`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from avatar_core.models.descriptors import DescriptorNetwork
from avatar_core.models.gaussian_decoder import (
    RAW_CHANNELS,
    RAW_COLOR,
    RAW_OPACITY,
    RAW_POSITION,
    RAW_QUATERNION,
    RAW_SCALE,
    GaussianDecoder,
)
from avatar_core.models.motion_decoder import CODE_SIZE, MotionDecoder
from avatar_core.motion import ACTIVATION_NAMES
from avatar_core.weights_file import check_format, check_shapes, read_tensors, weights_error, write_tensors

NAMED_COUNT = len(ACTIVATION_NAMES)
GAZE_COUNT = 4
GAZE = slice(NAMED_COUNT, NAMED_COUNT + GAZE_COUNT)
"""Gaze angles in radians: right eye yaw, right pitch, left yaw, left pitch; yaw + to image right, pitch + up."""
FIRST_RESIDUAL = NAMED_COUNT + GAZE_COUNT

FORMAT = "gaussian-avatar motion networks"
VERSION = "1"
MAX_RESIDUALS = 64
DESCRIBE_CHUNK = 4096


def default_raw_unit() -> Tensor:
    """(14,) what one unit of Phi's output means: position 0.1 inter-ocular distances, the others of order one."""
    unit = torch.empty(RAW_CHANNELS)
    unit[RAW_OPACITY], unit[RAW_COLOR], unit[RAW_POSITION] = 5.0, 0.1, 0.1
    unit[RAW_SCALE], unit[RAW_QUATERNION] = 0.5, 0.3
    return unit


class MotionNetworks(nn.Module):
    """Code, descriptors, Psi and Phi, and the statistics of the activations they were trained on.

    Buffers, with A = 57 + K activations:
        raw_unit (14,): unit of each raw attribute.
        activation_upper (A,): upper bound of each activation (lower bound 0 for the named ones; gaze and residual
            modes are bounded symmetrically).
        activation_precision (A, A): symmetric positive definite prior of the solver, in units where one activation
            costs its square times the precision: spread, antagonists, left-right coupling.
        activation_sparsity (A,): linear cost of each named activation, >= 0.
    """

    raw_unit: Tensor
    activation_upper: Tensor
    activation_precision: Tensor
    activation_sparsity: Tensor

    def __init__(self, residual_count: int = 20) -> None:
        super().__init__()
        if not 0 <= residual_count <= MAX_RESIDUALS:
            raise ValueError(f"residual_count must lie in [0, {MAX_RESIDUALS}], got {residual_count}")
        self.residual_count = residual_count
        self.activation_count = FIRST_RESIDUAL + residual_count
        self.code = nn.Linear(self.activation_count, CODE_SIZE)
        self.descriptors = DescriptorNetwork()
        self.motion_decoder = MotionDecoder()
        self.gaussian_decoder = GaussianDecoder()
        upper = torch.ones(self.activation_count)
        upper[FIRST_RESIDUAL:] = 3.0
        self.register_buffer("raw_unit", default_raw_unit())
        self.register_buffer("activation_upper", upper)
        self.register_buffer("activation_precision", torch.eye(self.activation_count))
        self.register_buffer("activation_sparsity", torch.zeros(self.activation_count))

    @torch.no_grad()
    def describe(self, u: Tensor, normal: Tensor, part: Tensor) -> tuple[Tensor, Tensor]:
        """Feature and motion basis of Gaussians, once per avatar.

        Args:
            u: (N, 3) canonical coordinate on or around the mean face, unit inter-ocular distance.
            normal: (N, 3) unit normal of the mean face there, canonical axes.
            part: (N,) index into `PART_NAMES`; body and back are described as head_neck.

        Returns:
            f (N, 48) and m (N, 48), float32.
        """
        if u.ndim != 2 or u.shape[1] != 3 or normal.shape != u.shape or part.shape != u.shape[:1]:
            raise ValueError(
                f"u and normal must be (N, 3) and part (N,), got {tuple(u.shape)}, {tuple(normal.shape)}, "
                f"{tuple(part.shape)}"
            )
        chunks = [
            self.descriptors(*(values[start : start + DESCRIBE_CHUNK] for values in (u.float(), normal.float(), part)))
            for start in range(0, len(u), DESCRIBE_CHUNK)
        ] or [self.descriptors(u.float(), normal.float(), part)]
        return torch.cat([f for f, _ in chunks]), torch.cat([m for _, m in chunks])

    def change(self, f: Tensor, m: Tensor, source: Tensor, driver: Tensor) -> Tensor:
        """Change (N, 14) of the raw attributes, canonical axes, from activations ``source`` (A,) to ``driver`` (A,)."""
        source_code, driver_code = self.code(source), self.code(driver)
        moved = self.motion_decoder(m, source_code, driver_code)
        delta_f = moved - self.motion_decoder(m, source_code, source_code)
        return self.raw_unit * (self.gaussian_decoder(f + delta_f) - self.gaussian_decoder(f))

    def save(self, path: str | Path, metadata: Mapping[str, str] | None = None) -> None:
        """Write the weights to ``path`` (safetensors, atomically) with ``metadata`` strings beside our own."""
        own = {"format": FORMAT, "version": VERSION, "residual_count": str(self.residual_count)}
        write_tensors(Path(path), self.state_dict(), {**(metadata or {}), **own})

    @classmethod
    def load(cls, path: str | Path) -> MotionNetworks:
        """Networks of a weights file, in evaluation mode.

        Raises:
            WeightsError: the file is missing, damaged, of another format or version, or has other shapes.
        """
        path = Path(path)
        tensors, metadata = read_tensors(path)
        check_format(path, metadata, FORMAT, VERSION)
        count = metadata.get("residual_count", "")
        if not count.isdecimal() or int(count) > MAX_RESIDUALS:
            raise weights_error(path, f"its metadata gives residual_count {count!r}, not 0 to {MAX_RESIDUALS}")
        networks = cls(int(count))
        check_shapes(path, tensors, {name: tensor.shape for name, tensor in networks.state_dict().items()})
        networks.load_state_dict(tensors)
        return networks.eval()
