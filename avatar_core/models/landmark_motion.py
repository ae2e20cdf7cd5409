"""How the motion networks move the mean face's 478 landmarks: activations (A,) in, displacement (478, 3) out.

The landmarks are described like Gaussians that lie on the mean face, so what is computed here is what an avatar shows.
Everything that does not depend on the activations is folded beforehand; one evaluation takes a fraction of a
millisecond in NumPy. Canonical units (inter-ocular distances).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray

from avatar_core.models.anatomy import EYEBALL_CENTRES, LEFT_EYEBALL, RIGHT_EYEBALL, skin_part
from avatar_core.models.gaussian_decoder import RAW_POSITION
from avatar_core.models.motion_decoder import MOTION_SIZE
from avatar_core.models.networks import MotionNetworks
from avatar_core.tracking.topology import LANDMARK_COUNT, LEFT_IRIS, MESH_COUNT, TRIANGLES

_IRIS_POINTS = 5


def landmark_normals(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """(478, 3) unit normals of landmarks (478, 3): of the mesh, towards the viewer; of the eyeballs for the irises."""
    corners = points[TRIANGLES].astype(np.float64)
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    faces *= np.where(faces[:, 2:] < 0, -1.0, 1.0)
    normals = np.zeros((LANDMARK_COUNT, 3))
    for corner in range(3):
        np.add.at(normals, TRIANGLES[:, corner], faces)
    normals[MESH_COUNT:] = points[MESH_COUNT:] - EYEBALL_CENTRES.repeat(_IRIS_POINTS, axis=0)
    return normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)


def landmark_parts(mean_face: NDArray[np.floating]) -> NDArray[np.uint8]:
    """(478,) part labels of the landmarks of the mean face (478, 3)."""
    part = skin_part(mean_face, mean_face)
    part[MESH_COUNT:LEFT_IRIS], part[LEFT_IRIS:] = RIGHT_EYEBALL, LEFT_EYEBALL
    return part


def _softplus(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(values > 20.0, values, np.log(1.0 + np.exp(np.minimum(values, 20.0))))


class LandmarkMotion:
    """Displacement of the mean face's landmarks from the neutral expression under given activations."""

    def __init__(self, networks: MotionNetworks, mean_face: NDArray[np.floating]) -> None:
        mean = np.asarray(mean_face, np.float64)
        u, normal, part = mean, landmark_normals(mean), landmark_parts(mean)
        with torch.no_grad():
            f, m = networks.describe(torch.from_numpy(u), torch.from_numpy(normal), torch.from_numpy(part))
            decoder, phi = networks.motion_decoder, networks.gaussian_decoder
            neutral_half, driver_half = decoder.mapping.weight.chunk(2, dim=1)  # (96, 512) each
            modulation = driver_half @ networks.code.weight
            still = (neutral_half + driver_half) @ networks.code.bias
            folded = decoder.hidden.weight @ decoder.modulated.weight
            bias = functional.linear(decoder.modulated.bias, decoder.hidden.weight, decoder.hidden.bias)
            onward = decoder.gain * phi.hidden.weight @ decoder.output.weight
            unit = networks.raw_unit[RAW_POSITION]
            self._modulation = modulation.numpy()  # (96, A): scale then shift of the normalised m
            self._still = still.numpy()
            self._normalised = functional.layer_norm(m, (MOTION_SIZE,)).numpy()
            self._folded, self._bias = folded.T.contiguous().numpy(), bias.numpy()
            self._onward = onward.T.contiguous().numpy()
            self._feature = functional.linear(f, phi.hidden.weight, phi.hidden.bias).numpy()
            self._output = (phi.output.weight[RAW_POSITION] * unit[:, None]).T.contiguous().numpy()
        self.activation_count = networks.activation_count
        self._rest_hidden = _softplus(self._hidden(self._still))
        self._rest_output = _softplus(self._feature)

    def _hidden(self, modulation: NDArray[np.float32]) -> NDArray[np.float32]:
        scale, shift = modulation[:MOTION_SIZE], modulation[MOTION_SIZE:]
        return self._normalised @ (scale[:, None] * self._folded) + (shift @ self._folded + self._bias)

    def displacement(self, activations: NDArray[np.floating]) -> NDArray[np.float32]:
        """(478, 3) canonical displacement of the landmarks from neutral; exactly zero for zero activations."""
        values = np.asarray(activations, np.float32)
        if values.shape != (self.activation_count,):
            raise ValueError(f"activations must be ({self.activation_count},), got {values.shape}")
        hidden = _softplus(self._hidden(self._still + self._modulation @ values)) - self._rest_hidden
        return (_softplus(self._feature + hidden @ self._onward) - self._rest_output) @ self._output
