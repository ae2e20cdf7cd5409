import sys

import pytest

from app.capture.cameras import CameraInfo, _unique_names, list_cameras, parse_listing


def test_listing_answers_on_a_machine_with_or_without_cameras() -> None:
    cameras = list_cameras()
    assert len({camera.index for camera in cameras}) == len(cameras)
    assert len({camera.name for camera in cameras}) == len(cameras)


def test_two_cameras_of_one_model_are_told_apart() -> None:
    cameras = [CameraInfo(0, "C920"), CameraInfo(2, "C920"), CameraInfo(4, "Built-in")]
    assert [camera.name for camera in _unique_names(cameras)] == ["C920 [0]", "C920 [2]", "Built-in"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('{"SPCameraDataType": [{"_name": "FaceTime HD"}, {"_name": "iPhone"}]}', ["FaceTime HD", "iPhone"]),
        ('{"SPCameraDataType": []}', []),
        ('[{"Name": "USB Camera"}, {"Name": "OBS"}]', ["USB Camera", "OBS"]),
        ('{"Name": "Integrated Webcam"}', ["Integrated Webcam"]),
        ("", []),
        ("[1, null]", []),
    ],
)
def test_listings_of_other_systems_are_understood(text: str, names: list[str]) -> None:
    assert [camera.name for camera in parse_listing(text)] == names


@pytest.mark.skipif(sys.platform != "linux", reason="device nodes are Linux's")
def test_a_node_that_is_no_capture_device_is_not_a_camera(tmp_path_factory: pytest.TempPathFactory) -> None:
    from pathlib import Path

    from app.capture.cameras import _captures

    folder = tmp_path_factory.mktemp("dev")
    (folder / "video0").write_bytes(b"")
    assert not _captures(folder / "video0")
    assert not _captures(folder / "missing")
    assert not _captures(Path("/dev/null"))
