from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from avatar_core.gaussians import Gaussians


def _some(count: int = 5) -> Gaussians:
    planar = torch.rand(14, count) * 0.8 + 0.1
    return Gaussians(planar)


def _read_ply(path: Path) -> dict[str, np.ndarray]:
    header, _, body = path.read_bytes().partition(b"end_header\n")
    names = [line.split()[-1].decode() for line in header.splitlines() if line.startswith(b"property float")]
    rows = np.frombuffer(body, "<f4").reshape(-1, len(names))
    return {name: rows[:, column] for column, name in enumerate(names)}


def test_views_share_the_planar_buffer() -> None:
    gaussians = _some()
    gaussians.means[2, 1] = 7.0
    assert gaussians.planar[1, 2] == 7.0
    assert len(gaussians) == 5
    assert gaussians.quats.shape == (5, 4)


def test_wrong_shape_is_named() -> None:
    with pytest.raises(ValueError, match=r"\(14, N\), got \(5, 14\)"):
        Gaussians(torch.zeros(5, 14))


def test_ply_holds_what_viewers_expect(tmp_path: Path) -> None:
    gaussians = _some()
    gaussians.save_ply(tmp_path / "head.ply")
    columns = _read_ply(tmp_path / "head.ply")
    assert np.allclose(columns["x"], gaussians.means[:, 0])
    assert np.allclose(np.exp(columns["scale_2"]), gaussians.scales[:, 2], rtol=1e-5)
    assert np.allclose(1 / (1 + np.exp(-columns["opacity"])), gaussians.opacities, atol=1e-5)
    assert np.allclose(0.5 + 0.28209479 * columns["f_dc_1"], gaussians.colors[:, 1], atol=1e-5)
    norm = np.sqrt(sum(columns[f"rot_{axis}"] ** 2 for axis in range(4)))
    assert np.allclose(norm, 1.0, atol=1e-5)


def test_failed_export_leaves_no_file_behind(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        _some().save_ply(tmp_path / "missing_folder" / "head.ply")
    assert list(tmp_path.iterdir()) == []
