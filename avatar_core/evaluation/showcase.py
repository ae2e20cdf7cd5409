"""One avatar from several sides and under several expressions, as one picture.

    python -m avatar_core.evaluation.showcase [PHOTO] --out assets/views.jpg

Without a photo the public-domain portrait that scikit-image ships is used.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from avatar_core.camera import Camera
from avatar_core.engine import AvatarEngine
from avatar_core.evaluation.sheets import save_sheet, tile
from avatar_core.motion import HeadPose, Motion

SIDE = 320
YAWS = (-40, -20, 20, 40)
_SMILE = {"mouthSmile_L": 0.8, "mouthSmile_R": 0.8, "cheekSquint_L": 0.5, "cheekSquint_R": 0.5}
_SURPRISE = {
    "jawOpen": 0.55, "eyeWide_L": 0.8, "eyeWide_R": 0.8, "browInnerUp_L": 0.8, "browInnerUp_R": 0.8,
    "browOuterUp_L": 0.8, "browOuterUp_R": 0.8,
}  # fmt: skip
_BLINK = {"eyeBlink_L": 1.0, "eyeBlink_R": 1.0}


def expressions() -> dict[str, Motion]:
    """The second row."""
    turned = HeadPose(Rotation.from_euler("yxz", [16, 3, 6], degrees=True).as_matrix())
    return {
        "lips shut": Motion.from_activations({}),
        "smile": Motion.from_activations(_SMILE),
        "surprise": Motion.from_activations(_SURPRISE),
        "blink": Motion.from_activations(_BLINK),
        "pucker, gaze": Motion.from_activations({"mouthPucker": 0.9}, gaze=(0.3, 0.0)),
        "head turned": Motion.from_activations({"jawOpen": 0.15}, pose=turned),
    }


def rows(engine: AvatarEngine, photo: str | NDArray[np.uint8]) -> list[list[NDArray[np.uint8]]]:
    """Pictures (SIDE, SIDE, 3): views of the photo's own expression, then expressions seen from the front."""
    avatar = engine.encode(photo)
    crop = cv2.resize(avatar.thumbnail, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    views = [tile(crop, SIDE, "photo"), tile(engine.render(avatar, None, None, SIDE, "photo"), SIDE, "avatar")]
    for yaw in YAWS:
        views.append(tile(engine.render(avatar, None, Camera.orbit(yaw), SIDE, "photo"), SIDE, f"yaw {yaw}"))
    driven = [
        tile(engine.render(avatar, motion, None, SIDE, "photo"), SIDE, name) for name, motion in expressions().items()
    ]
    return [views, driven]


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", nargs="?", help="a portrait; by default the bundled one")
    parser.add_argument("--out", type=Path, default=Path("views.jpg"))
    options = parser.parse_args(arguments)
    engine = AvatarEngine.from_pretrained()
    save_sheet(rows(engine, options.photo or skimage.data.astronaut()), options.out)
    engine.close()


if __name__ == "__main__":
    main()
