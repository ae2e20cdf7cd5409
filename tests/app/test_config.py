import dataclasses
from pathlib import Path

import pytest

from app.config import AppConfig, config_from_mapping, load_config
from app.errors import ConfigError


def write(folder: Path, text: str) -> Path:
    path = folder / "settings.yaml"
    path.write_text(text)
    return path


def test_an_empty_file_means_all_defaults(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, "")) == AppConfig()


def test_values_replace_defaults_and_the_rest_stays(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, "size: 256\ncapture: {fps: 60}\nsource: me.jpg\ncontrols: {mirror: false}\n"))
    assert (config.size, config.capture.fps, config.source, config.controls.mirror) == (256, 60.0, "me.jpg", False)
    assert config.capture.width == AppConfig().capture.width


def test_every_default_is_a_value_that_may_be_written() -> None:
    assert config_from_mapping(dataclasses.asdict(AppConfig()), "defaults") == AppConfig()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("sise: 256", "'sise'"),
        ("capture: {widht: 640}", "'capture.widht'"),
        ("size: big", "'size' must be a whole number, not text"),
        ("size: true", "'size' must be a whole number, not true or false"),
        ("size: 8", "'size' is 8"),
        ("size: 100000", "'size' is 100000"),
        ("recording: {fps: .nan}", "'recording.fps'"),
        ("controls: {mirror: 1}", "'controls.mirror' must be true or false"),
        ("device: tpu", "auto, cpu, cuda"),
        ("quality: best", "full, balanced, fast"),
        ("capture: 7", "'capture'"),
        ("- size", "not a list"),
        ("size: [1", "line 1"),
        ("1: 2", "'1'"),
        ("!!python/object/apply:os.system ['true']", "not valid YAML"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, named: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert named in str(caught.value)
    assert str(path) in str(caught.value)


def test_an_unknown_key_comes_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="synthetic_mark"):
        load_config(write(tmp_path, "watermark: true"))


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / name)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_config(path)


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="larger than 1 MB"):
        load_config(write(tmp_path, "a" * (2 << 20)))
