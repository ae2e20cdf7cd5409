"""Pictures as float RGBA buffers."""

from __future__ import annotations

import numpy as np
import pytest

from app.gui.texture import corner_mask, rounded_mask, to_float_rgba


def test_every_grey_level_is_converted_exactly_and_opaque() -> None:
    rgb = np.arange(256 * 3, dtype=np.uint32).astype(np.uint8).reshape(16, 16, 3)
    out, scratch = np.full((16, 16, 4), -1.0, np.float32), np.zeros((16, 16, 4), np.uint8)
    to_float_rgba(rgb, out, scratch)
    np.testing.assert_allclose(out[..., :3], rgb / 255.0, atol=1e-7)
    assert (out[..., 3] == 1.0).all()


def test_the_buffer_is_written_in_place() -> None:
    out, scratch = np.zeros((8, 8, 4), np.float32), np.zeros((8, 8, 4), np.uint8)
    address = out.ctypes.data
    to_float_rgba(np.full((8, 8, 3), 255, np.uint8), out, scratch)
    assert out.ctypes.data == address and (out == 1.0).all()


def test_sizes_that_differ_are_refused_because_the_texture_would_be_read_out_of_bounds() -> None:
    with pytest.raises(ValueError, match="sizes differ"):
        to_float_rgba(np.zeros((8, 9, 3), np.uint8), np.zeros((8, 8, 4), np.float32), np.zeros((8, 8, 4), np.uint8))


def test_rounded_mask_is_full_inside_clear_in_the_corners_and_symmetric() -> None:
    mask = rounded_mask(40, 30, 8)
    assert mask.shape == (30, 40)
    assert mask[15, 20] == 1.0 and mask[0, 20] == 1.0 and mask[15, 0] == 1.0
    assert mask[0, 0] == 0.0
    np.testing.assert_allclose(mask, mask[::-1, ::-1], atol=1e-6)
    area = 40 * 30 - (4 - np.pi) * 8**2
    assert mask.sum() == pytest.approx(area, rel=2e-3)


def test_rounded_mask_without_radius_is_a_rectangle() -> None:
    assert (rounded_mask(5, 4, 0) > 0.99).all()


def test_corner_mask_covers_what_the_rounded_mask_leaves() -> None:
    mask = corner_mask(6, (255, 0, 51))
    np.testing.assert_allclose(mask[..., 3], 1.0 - rounded_mask(12, 12, 6))
    np.testing.assert_allclose(mask[0, 0, :3], [1.0, 0.0, 0.2])
