"""The CUDA path of the animator: folded networks as fused Triton kernels. Importing this needs Triton.

Per frame the host sends the activations and the head pose, a few hundred bytes; three kernels do the rest, captured
as one CUDA graph. Gaussians whose expression weight is zero stand last and follow the head pose alone.
"""

from __future__ import annotations

import numpy as np
import torch
import triton
from numpy.typing import NDArray
from torch import Tensor

from avatar_core.avatar import Avatar
from avatar_core.cuda_graph import CapturedWork
from avatar_core.gaussians import CHANNELS, COLOR, MEAN, OPACITY, QUATERNION, SCALE, Gaussians
from avatar_core.models import animator_triton_kernels as kernels
from avatar_core.models.animator_folding import FoldedNetworks
from avatar_core.models.gaussian_decoder import RAW_CHANNELS
from avatar_core.models.head_pose import POSE_SIZE, packed_pose
from avatar_core.models.motion_decoder import HIDDEN_SIZE, MOTION_SIZE
from avatar_core.models.networks import MotionNetworks
from avatar_core.motion import HeadPose

OUTPUT_SIZE = 16  # the 14 raw channels, filled up to what a matrix product takes

_ROWS, _WARPS = 64, 4  # Gaussians of a program: sums of 64 x 96 stay in the registers of four warps
_MODULATED_ROWS = 16  # outputs of the first layer that one program makes
_STILL_ROWS = 128
_PREPARED_AT_ONCE = 16384
_CENTRE_SAMPLES = 2048


class TritonAnimator:
    """Animates an avatar on CUDA (or, slowly, on the CPU under Triton's interpreter).

    Attributes:
        precision: "fp16", of the first two layers' operands; sums and all else are float32.
        order: (N,) the avatar's Gaussian behind each output column.
        moving: how many of them go through the networks; they come first.
    """

    precision = "fp16"

    def __init__(self, avatar: Avatar, networks: MotionNetworks, device: torch.device) -> None:
        source = np.asarray(avatar.source_activations, np.float32)
        folded = FoldedNetworks.of(networks, source, avatar.canonical_to_head)
        self._device = device
        share = avatar.expression_weight.float().numpy()
        self.order = np.concatenate([np.flatnonzero(share > 0), np.flatnonzero(share <= 0)])
        self.moving = int(np.count_nonzero(share > 0))
        self._pivot = np.asarray(avatar.pivot, np.float32)

        self._modulation, self._modulation_bias = self._place(folded.modulation), self._place(folded.modulation_bias)
        self._inner, self._inner_bias = self._place(folded.inner), self._place(folded.inner_bias)
        self._second = self._place(folded.second.T, torch.float16)
        self._third = torch.zeros(HIDDEN_SIZE, OUTPUT_SIZE, device=device)
        self._third[:, :RAW_CHANNELS] = self._place(folded.third.T)
        self._first = torch.empty(MOTION_SIZE, HIDDEN_SIZE, dtype=torch.float16, device=device)
        self._first_bias = torch.empty(HIDDEN_SIZE, device=device)
        self._control = torch.empty(len(source) + POSE_SIZE, device=device)
        self._pose = self._control[len(source) :]

        self._make_constants(avatar, networks, folded, source)
        self._make_rest(avatar, share)
        self._rest_change = torch.empty(self.moving, OUTPUT_SIZE, device=device)
        self._send(source, HeadPose())
        self._modulate()
        self._run_networks(at_rest=1)
        self._frame = CapturedWork(self._enqueue, device)

    def animate(self, activations: NDArray[np.float32], pose: HeadPose) -> Gaussians:
        """The avatar under ``activations`` (A,) and ``pose``; the buffer is reused by the next call."""
        self._send(activations, pose)
        self._frame()
        return Gaussians(self._planar)

    def kept_bytes(self) -> int:
        """Device memory that this avatar's Gaussians take."""
        kept = (self._motion, self._constant, self._rest, self._rest_change, self._still, self._planar)
        return sum(tensor.numel() * tensor.element_size() for tensor in kept)

    def frame_bytes(self) -> int:
        """Device memory that one frame must read and write at least once."""
        placed = len(range(*MEAN.indices(CHANNELS))) + len(range(*QUATERNION.indices(CHANNELS)))
        written = CHANNELS * self.moving + placed * self._still.shape[1]
        read = self.kept_bytes() - self._planar.numel() * self._planar.element_size()
        return read + written * self._planar.element_size()

    def frame_operations(self) -> int:
        """Multiplications and additions of the networks' products in one frame."""
        return 2 * self.moving * HIDDEN_SIZE * (MOTION_SIZE + HIDDEN_SIZE + OUTPUT_SIZE)

    def _send(self, activations: NDArray[np.float32], pose: HeadPose) -> None:
        """Start the copy of a frame's input; it never waits, as the pages it is sent from are pinned and not reused."""
        values = torch.from_numpy(np.concatenate([activations, packed_pose(pose, self._pivot)]).astype(np.float32))
        on_cuda = self._device.type == "cuda"
        self._control.copy_(values.pin_memory() if on_cuda else values, non_blocking=True)

    def _enqueue(self) -> None:
        self._modulate()
        self._run_networks(at_rest=0)
        still = self._still.shape[1]
        if still:
            kernels.pose_still[(triton.cdiv(still, _STILL_ROWS),)](
                self._still, self._pose, self._planar, self.moving, self._planar.shape[1], ROWS=_STILL_ROWS
            )

    def _modulate(self) -> None:
        count = self._modulation.shape[1]
        kernels.modulate[(HIDDEN_SIZE // _MODULATED_ROWS,)](
            self._control, self._modulation, self._modulation_bias, self._inner, self._inner_bias,
            self._first, self._first_bias,
            ACTIVATIONS=count, ACTIVATION_BLOCK=triton.next_power_of_2(count), ROWS=_MODULATED_ROWS,
        )  # fmt: skip

    def _run_networks(self, at_rest: int) -> None:
        if self.moving == 0:
            return
        kernels.animate[(triton.cdiv(self.moving, _ROWS),)](
            self._motion, self._first, self._first_bias, self._centre, self._second, self._constant, self._third,
            self._rest_change, self._rest, self._pose, self._planar, self.moving, self._planar.shape[1], at_rest,
            ROWS=_ROWS, num_warps=_WARPS,
        )  # fmt: skip

    def _make_constants(
        self, avatar: Avatar, networks: MotionNetworks, folded: FoldedNetworks, source: NDArray[np.float32]
    ) -> None:
        """LN(m), the second layer's constant and the centre, a share of the moving Gaussians at a time."""
        rows = torch.from_numpy(self.order[: self.moving])
        centre = folded.centre(avatar.m[rows[:: max(1, self.moving // _CENTRE_SAMPLES)]], source)
        self._centre = self._place(centre)
        self._motion = torch.empty(self.moving, MOTION_SIZE, dtype=torch.float16, device=self._device)
        self._constant = torch.empty(self.moving, HIDDEN_SIZE, dtype=torch.float16, device=self._device)
        for start in range(0, self.moving, _PREPARED_AT_ONCE):
            some = rows[start : start + _PREPARED_AT_ONCE]
            normalised, constant = folded.constants(
                avatar.f[some], avatar.m[some], networks, source, centre, torch.float16
            )
            self._motion[start : start + len(some)] = normalised.to(self._device, torch.float16)
            self._constant[start : start + len(some)] = constant.to(self._device, torch.float16)

    def _make_rest(self, avatar: Avatar, share: NDArray[np.float32]) -> None:
        """What the kernels read of the photo, and the output with all that no frame changes."""
        planar = avatar.rest.float()[:, torch.from_numpy(self.order)]
        planar[SCALE] = planar[SCALE].exp()
        neck = avatar.neck_weight.float()[torch.from_numpy(self.order)][None]
        weights = torch.from_numpy(share[self.order])[None]
        self._rest = torch.cat([planar, neck, weights])[:, : self.moving].contiguous().to(self._device)
        placed = torch.cat([planar[MEAN], planar[QUATERNION], neck])
        self._still = placed[:, self.moving :].contiguous().to(self._device)
        planar[OPACITY] = planar[OPACITY].sigmoid()
        planar[COLOR] = planar[COLOR].clamp(0.0, 1.0)
        self._planar = planar.contiguous().to(self._device)

    def _place(self, values: NDArray[np.floating], dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self._device, dtype)
