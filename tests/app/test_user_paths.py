from pathlib import Path

import pytest

from app.capture import create_driver
from app.cli import build_parser, main, merge
from app.config import AppConfig, CaptureConfig
from app.errors import DriverError, OutputError
from app.headless_input import open_input
from app.outputs import check_output
from app.user_paths import expand

NOBODY = "~no_such_user_here/file"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of the test's own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    return tmp_path


def test_a_tilde_is_the_home_folder(home: Path) -> None:
    assert expand("~/me.jpg") == home / "me.jpg"


def test_the_name_of_nobody_stays_as_it_is() -> None:
    assert expand(NOBODY) == Path(NOBODY)


def test_every_file_a_user_names_may_lie_under_nobodys_name() -> None:
    with pytest.raises(DriverError, match="no_such_user_here"):
        create_driver(NOBODY, [], CaptureConfig())
    with pytest.raises(DriverError, match="no_such_user_here"):
        open_input(NOBODY, AppConfig(), None, None)
    with pytest.raises(OutputError, match="no_such_user_here"):
        check_output(f"{NOBODY}.png", {".png"})


@pytest.mark.parametrize("argument", ["--source", "--driver", "--weights", "--config", "--out", "--report"])
def test_nobodys_name_on_the_command_line_ends_with_one_line(
    argument: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    name = NOBODY + {"--out": ".mp4", "--report": ".json"}.get(argument, "")
    assert main(["--headless", "--frames", "1", argument, name]) == 2
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), lines
    assert "no_such_user_here" in lines[0]


def test_weights_and_configuration_may_lie_under_the_home_folder(home: Path) -> None:
    (home / "settings.yaml").write_text("size: 128\n")
    config = merge(build_parser().parse_args(["--config", "~/settings.yaml", "--weights", "~/networks"]))
    assert config.size == 128
    assert config.weights_folder == home / "networks"


def test_video_and_report_are_written_under_the_home_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    working = home / "elsewhere"
    working.mkdir()
    monkeypatch.chdir(working)
    arguments = ["--headless", "--frames", "1", "--size", "64", "--out=~/clip.mp4", "--report=~/figures.json"]
    assert main(arguments) == 0
    assert (home / "clip.mp4").is_file() and (home / "figures.json").is_file()
    assert list(working.iterdir()) == []
