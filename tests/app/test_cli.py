from pathlib import Path

import pytest

from app.cli import BAD_INPUT, build_parser, main, merge


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that bad input leaves on stderr."""
    assert main(arguments) == BAD_INPUT
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "trouble"),
    [
        (["--bogus"], "--bogus"),
        (["--size", "big"], "--size"),
        (["--size", "3"], "between 64 and 2048"),
        (["--device", "tpu"], "--device"),
        (["--driver"], "--driver"),
        (["--quality", "best"], "--quality"),
        (["--headless", "--quality", "fast", "--model", "paper"], "--quality fast is not there with --model paper"),
        (["--headless", "--encoder", "lift", "--model", "paper"], "--encoder has no effect with --model paper"),
        (["--background", "plaid"], "'plaid' is no background"),
        (["--config", "missing.yaml"], "missing.yaml"),
        (["--out", "x.mp4"], "--out can be used together with --headless only"),
        (["--headless", "--yaw", "nan"], "--yaw"),
        (["--headless", "--yaw", "10", "--turntable"], "--turntable"),
        (["--headless", "--pitch", "95"], "--pitch"),
        (["--headless", "--seconds", "-1"], "--seconds"),
        (["--headless", "--seconds", "inf"], "--seconds"),
        (["--headless", "--frames", "0"], "--frames"),
        (["--headless", "--driver", "97"], "no camera 97"),
        (["--headless", "--driver", "missing.mp4"], "missing.mp4"),
        (["--headless", "--out", "missing/x.mp4"], "no folder"),
        (["--headless", "--out", "x.avi"], "must end in .mp4"),
        (["--headless", "--report", "x.txt"], "must end in .json"),
        (["--headless", "--out", "."], "must end in .mp4"),
    ],
)
def test_a_wrong_argument_ends_with_one_line_and_code_2(
    arguments: list[str], trouble: str, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert trouble in complaint(capsys, *arguments)
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_goes_over_the_file_and_the_file_over_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("size: 256\ndriver: performance\nbackground: blurred\n")
    config = merge(build_parser().parse_args(["--config", str(path), "--size", "128", "--no-mark"]))
    assert (config.size, config.driver, config.background, config.synthetic_mark) == (
        128,
        "performance",
        "blurred",
        False,
    )
    assert config.device == "auto"


def test_a_photo_may_be_given_by_itself() -> None:
    assert merge(build_parser().parse_args(["me.jpg", "--size", "256"])).source == "me.jpg"


@pytest.mark.parametrize("others", [["--source", "you.jpg"], ["--batch", "--sources", "photos", "--out", "videos"]])
def test_a_photo_beside_another_source_is_refused(others: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["me.jpg", *others]) == 2
    assert "'me.jpg' cannot be used together with --" in capsys.readouterr().err


def test_cameras_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list-cameras"]) == 0
    assert capsys.readouterr().out.strip()


def test_help_names_every_argument_of_the_documentation(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for name in (
        "source", "driver", "device", "headless", "out", "yaw", "pitch", "turntable", "size", "background", "report",
        "seconds", "frames", "config", "list-cameras", "no-mark", "quality",
        "batch", "sources", "drivers", "workers", "ray",
    ):  # fmt: skip
        assert f"--{name}" in text
