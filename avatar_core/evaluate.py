"""Figures on photos and clips, with contact sheets to look at.

    python -m avatar_core.evaluate --photos DIR --clips DIR [--out runs/evaluate] [--encoder lift|learned]
    python -m avatar_core.evaluate --compare lift,learned [--views DIR] [--photos DIR] [--clips DIR]
    python -m avatar_core.evaluate --following --clips DIR [--photos DIR] [--frames N]

Prints one line per photo and clip and the means, writes report.json, and one PNG sheet per part: `views.png` (each
photo from several sides), `reenactment.png` (clip over render), `driven.png` (portraits driven by other people).
``--compare`` prints one column per encoder instead, see `avatar_core.evaluation.comparison`.
``--following`` prints how near the CPU's animation comes to sending all Gaussians through the networks, per clip: each
clip drives its own first frame, or every photo that is given. See `avatar_core.evaluation.following`.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from tqdm import tqdm

from avatar_core.avatar import Avatar
from avatar_core.camera import Camera
from avatar_core.engine import DEFAULT_ENCODER, ENCODERS, AvatarEngine
from avatar_core.errors import AvatarError
from avatar_core.evaluation.comparison import compare
from avatar_core.evaluation.following import Likeness, clip_likeness, exact_twin
from avatar_core.evaluation.reconstruction import Reconstruction, reconstruct
from avatar_core.evaluation.reenactment import MEASURES, Reenactment, read_frames, self_reenact
from avatar_core.evaluation.sheets import save_sheet, tile

PICTURES = {".jpg", ".jpeg", ".png", ".webp"}
VIDEOS = {".mp4", ".mov", ".avi", ".mkv", ".webm"}


def _files(folder: Path | None, suffixes: set[str]) -> list[Path]:
    if folder is None:
        return []
    if not folder.is_dir():
        raise SystemExit(f"{folder}: no such folder.")
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)


def _evaluate_photos(engine: AvatarEngine, paths: list[Path], out: Path) -> list[Reconstruction]:
    results = []
    for path in tqdm(paths, desc="photos"):
        try:
            results.append(reconstruct(engine, path))
        except AvatarError as error:
            tqdm.write(f"left out: {error}")
    for first in range(0, len(results), 9):
        save_sheet([result.row for result in results[first : first + 9]], out / f"views_{first // 9}.png")
    return results


def _evaluate_clips(engine: AvatarEngine, paths: list[Path], out: Path, frames: int) -> list[Reenactment]:
    results = []
    for path in tqdm(paths, desc="clips"):
        try:
            results.append(self_reenact(engine, path, frames))
        except AvatarError as error:
            tqdm.write(f"left out: {error}")
    for first in range(0, len(results), 5):
        rows = [row for result in results[first : first + 5] for row in result.rows]
        save_sheet(rows, out / f"reenactment_{first // 5}.png")
    return results


def _drive_across(engine: AvatarEngine, photos: list[Path], clips: list[Path], out: Path, columns: int = 8) -> None:
    """Each photo driven by each clip, at frames spread over the clip; two views."""
    rows = []
    for clip in clips:
        frames = list(read_frames(clip, 300))
        picks = {int(index) for index in np.linspace(0, len(frames) - 1, columns)}
        rows.append([tile(np.zeros((256, 256, 3), np.uint8), 256, clip.stem)])
        rows[-1] += [tile(_square(frames[index]), 256) for index in sorted(picks)]
        for photo in photos:
            avatar = engine.encode(photo)
            engine.track.reset()
            front = [tile(engine.render(avatar, None, Camera.orbit(), 512, "photo"), 256, photo.stem)]
            side = [tile(engine.render(avatar, None, Camera.orbit(25), 512, "photo"), 256, "yaw 25")]
            for index, frame in enumerate(frames):
                motion = engine.track(frame)
                if index in picks:
                    front.append(tile(engine.render(avatar, motion, Camera.orbit(), 512, "photo"), 256))
                    side.append(tile(engine.render(avatar, motion, Camera.orbit(25), 512, "photo"), 256))
            rows += [front, side]
    save_sheet(rows, out / "driven.png")


def _square(frame: np.ndarray) -> np.ndarray:
    height, width = frame.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 3, (width - side) // 2
    return frame[top : top + side, left : left + side]


def _following(engine: AvatarEngine, photos: list[Path], clips: list[Path], frames: int) -> None:
    """Print one line per clip, or per clip and photo, and the worst."""
    exact = exact_twin(engine)
    results: dict[str, Likeness] = {}
    avatars: dict[str, Avatar | None] = {photo.name: engine.encode(photo) for photo in photos}
    for path in clips:
        for name, avatar in (avatars or {"itself": None}).items():
            row = f"{path.name} on {name}"
            try:
                results[row] = clip_likeness(engine, exact, path, frames, avatar)
            except AvatarError as error:
                print(f"left out: {error}")
                continue
            found = results[row]
            print(f"{row:28s} {found.pictures:3d} pictures  mean {found.mean:.2f} dB  worst {found.worst:.2f} dB")
    if results:
        worst = min(results, key=lambda row: results[row].worst)
        print(f"worst: {worst}, {results[worst].worst:.2f} dB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="folder of portraits")
    parser.add_argument("--clips", type=Path, help="folder of driver clips")
    parser.add_argument("--out", type=Path, default=Path("runs/evaluate"))
    parser.add_argument("--weights", type=Path, default=Path("weights"))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--encoder", choices=ENCODERS, default=DEFAULT_ENCODER)
    parser.add_argument("--compare", metavar="A,B", help="encoders to compare, such as lift,learned")
    parser.add_argument("--following", action="store_true", help="compare the CPU's animation with full evaluation")
    parser.add_argument("--views", type=Path, help="folder of known views (avatar_core.training.encoder.views)")
    parser.add_argument("--frames", type=int, default=150, help="frames per clip, at most")
    parser.add_argument("--limit", type=int, default=0, help="photos and clips, at most (0: all)")
    parser.add_argument("--across", type=int, default=4, help="photos of the sheet driven by three clips (0: none)")
    arguments = parser.parse_args()
    photos, clips = _files(arguments.photos, PICTURES), _files(arguments.clips, VIDEOS)
    if not photos and not clips and not arguments.views:
        parser.error("give --photos, --clips or --views")
    across = photos[:: max(1, len(photos) // max(arguments.across, 1))][: arguments.across]
    drivers = clips[:: max(1, len(clips) // 3)][:3]
    if arguments.limit:
        photos, clips = photos[: arguments.limit], clips[: arguments.limit]
    encoders = arguments.compare.split(",") if arguments.compare else []
    unknown = sorted(set(encoders) - set(ENCODERS))
    if unknown:
        parser.error(f"--compare: unknown encoder {unknown[0]!r}; known are {', '.join(ENCODERS)}")
    if arguments.views and not encoders:
        parser.error("--views belongs to --compare")
    if arguments.following:
        if not clips:
            parser.error("--following needs --clips")
        engine = AvatarEngine.from_pretrained(arguments.weights, "cpu", encoder=arguments.encoder)
        _following(engine, photos, clips, arguments.frames)
        return
    arguments.out.mkdir(parents=True, exist_ok=True)
    if encoders:
        engines = {
            name: AvatarEngine.from_pretrained(arguments.weights, arguments.device, encoder=name) for name in encoders
        }
        table = compare(engines, photos, clips, arguments.views, arguments.out, arguments.frames)
        print(table.text())
        (arguments.out / "comparison.json").write_text(json.dumps(table.rows, indent=1))
        return
    engine = AvatarEngine.from_pretrained(arguments.weights, arguments.device, encoder=arguments.encoder)
    report: dict[str, object] = {"device": engine.device_report}

    reconstructions = _evaluate_photos(engine, photos, arguments.out)
    for result in reconstructions:
        print(
            f"{result.name:16s} {result.psnr_in_matte:5.1f} dB in the matte, SSIM {result.ssim:.3f}, "
            f"{result.gaussians} Gaussians, encoded in {result.encode_seconds:.2f} s"
        )
    if reconstructions:
        mean = float(np.mean([result.psnr_in_matte for result in reconstructions]))
        print(f"mean of {len(reconstructions)} photos: {mean:.2f} dB in the matte")
        report["photos"] = [{k: v for k, v in vars(result).items() if k != "row"} for result in reconstructions]
        report["psnr_in_matte"] = mean

    reenactments = _evaluate_clips(engine, clips, arguments.out, arguments.frames)
    for clip in reenactments:
        shape = "  ".join(f"{name} {clip.correlation[name]:.3f} x{clip.slope[name]:.2f}" for name in MEASURES)
        print(
            f"{clip.name:10s} {clip.frames - clip.lost}/{clip.frames} frames  landmarks {clip.landmark_error:.4f}  "
            f"face {clip.psnr_face:.1f} dB {clip.ssim_face:.3f}  jitter {clip.jitter:.5f}  {shape}"
        )
    if reenactments:
        summary = {
            "landmark_error": float(np.mean([clip.landmark_error for clip in reenactments])),
            "psnr_face": float(np.mean([clip.psnr_face for clip in reenactments])),
            "ssim_face": float(np.mean([clip.ssim_face for clip in reenactments])),
            "jitter": float(np.nanmean([clip.jitter for clip in reenactments])),
        }
        for name in MEASURES:
            summary[f"{name}_correlation"] = float(np.nanmedian([clip.correlation[name] for clip in reenactments]))
            summary[f"{name}_slope"] = float(np.nanmedian([clip.slope[name] for clip in reenactments]))
        print("means (shape measures: medians): " + "  ".join(f"{key} {value:.4f}" for key, value in summary.items()))
        report["clips"] = [{k: v for k, v in asdict(clip).items() if k != "rows"} for clip in reenactments]
        report["reenactment"] = summary
    if across and drivers:
        _drive_across(engine, across, drivers, arguments.out)
    (arguments.out / "report.json").write_text(json.dumps(report, indent=1))
    print(f"report and contact sheets: {arguments.out}")


if __name__ == "__main__":
    main()
