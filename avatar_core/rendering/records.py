"""The layout of what the CPU rasteriser's passes hand to one another.

`project` writes one record per visible Gaussian, `tiles` sorts keys that point at records, `blend` draws them.

A record is `RECORD_SIZE` float32 (one cache line): pixel centre x, y; the conic as A/2, B, C/2 of
A dx^2 + 2 B dx dy + C dy^2; minus the log of the opacity; red, green, blue; depth; and the pixel box as bits of two
int32, first + (last << 16), for columns and for rows; and the bits of the Gaussian's index as int32, by which a
training finds its way back. Beside the records stand `FOOTPRINT_SIZE` int32 each, the part that binning reads: columns,
rows, depth bits.
"""

from __future__ import annotations

import numpy as np

RECORD_SIZE = 16
CENTRE_X, CENTRE_Y = np.uint64(0), np.uint64(1)
HALF_A, FULL_B, HALF_C = np.uint64(2), np.uint64(3), np.uint64(4)
MINUS_LOG_OPACITY = np.uint64(5)
RED, GREEN, BLUE = np.uint64(6), np.uint64(7), np.uint64(8)
DEPTH = np.uint64(9)
BOX_COLUMNS, BOX_ROWS = np.uint64(10), np.uint64(11)
INDEX = np.uint64(12)

FOOTPRINT_SIZE = 4
FOOTPRINT_COLUMNS, FOOTPRINT_ROWS, FOOTPRINT_DEPTH = np.uint64(0), np.uint64(1), np.uint64(2)

TILE_WIDTH_SHIFT, TILE_HEIGHT_SHIFT = 6, 5
TILE_WIDTH, TILE_HEIGHT = 1 << TILE_WIDTH_SHIFT, 1 << TILE_HEIGHT_SHIFT
MAX_IMAGE_SIDE = 4096  # pixel boxes are packed into 16 bits a side; larger images are of no use here

ALPHA_THRESHOLD = 1.0 / 255.0  # fainter contributions are skipped
MAX_ALPHA = 0.999
TRANSMITTANCE_THRESHOLD = 1e-4  # a pixel stops before its transmittance would fall to this
SCREEN_BLUR = 0.3  # pixels^2 added to the projected covariance ("eps2d", classic mode)
NEAR_PLANE, FAR_PLANE = 0.01, 1e10
FRUSTUM_MARGIN = 0.15  # of the image size: where the linearisation of the projection is held beyond the image
"""Constants of gsplat's classic mode; tests hold the kernels to a float64 renderer with the same rules."""
