"""The command line without anything running."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from autodeal_devstack.cli.commands import autodeal
from autodeal_devstack.cli.home import NotRunningError
from autodeal_devstack.cli.print_welcome import curl_lines


@pytest.fixture(autouse=True)
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUTODEAL_HOME", str(tmp_path))
    return tmp_path


def test_status_fails_when_nothing_runs() -> None:
    result = CliRunner().invoke(autodeal, ["status"])
    assert result.exit_code == 1
    assert "nothing is running" in result.output


def test_down_is_content_when_nothing_runs() -> None:
    result = CliRunner().invoke(autodeal, ["down"])
    assert result.exit_code == 0
    assert "nothing is running" in result.output


def test_token_is_refused_when_nothing_runs() -> None:
    result = CliRunner().invoke(autodeal, ["token"])
    assert isinstance(result.exception, NotRunningError)


def test_engines_are_refused_when_the_choice_is_unknown() -> None:
    result = CliRunner().invoke(autodeal, ["up"], env={"ENGINES": "imagined"})
    assert result.exit_code == 2
    assert "embedded" in result.output


def test_log_ends_are_printed_under_names_when_there_are_several(empty_home: Path) -> None:
    (empty_home / "logs").mkdir()
    (empty_home / "logs" / "kafka.log").write_text("one\ntwo\nthree\n")
    (empty_home / "logs" / "gateway-serve.log").write_text("four\nunfinished")
    result = CliRunner().invoke(autodeal, ["logs", "-n", "2"])
    assert result.output.splitlines() == [
        "gateway-serve | four",
        "kafka         | two",
        "kafka         | three",
    ]


def test_one_log_is_printed_plainly_when_it_is_named(empty_home: Path) -> None:
    (empty_home / "logs").mkdir()
    (empty_home / "logs" / "kafka.log").write_text("one\ntwo\n")
    assert CliRunner().invoke(autodeal, ["logs", "kafka"]).output == "one\ntwo\n"
    missing = CliRunner().invoke(autodeal, ["logs", "zookeeper"])
    assert str(missing.exception) == "there is no log of zookeeper; there are kafka"


def test_every_line_stands_alone_when_it_is_pasted() -> None:
    lines = curl_lines("http://127.0.0.1:8080", Path("/a home/buyer.header"), 17)
    assert len(lines) == 3
    assert all(line.startswith("curl ") and "\n" not in line for line in lines)
    assert "-H @'/a home/buyer.header'" in lines[1]
    assert "idempotency-key" in lines[1]
