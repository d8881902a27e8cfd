"""What cannot be had is refused in one plain line."""

from __future__ import annotations

from pathlib import Path

import pytest

from autodeal_devstack.engines.addresses import VARIABLES, addressed_engines
from autodeal_devstack.engines.endpoints import EngineError, EngineName
from autodeal_devstack.engines.engine import EngineRoom
from autodeal_devstack.engines.jvm_artifacts import fetch, find_java
from autodeal_devstack.processes import Keeper


@pytest.fixture
def no_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return tmp_path


def assert_one_line(error: pytest.ExceptionInfo[EngineError], *words: str) -> None:
    message = str(error.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


def test_real_engines_are_refused_when_there_is_no_java(no_programs: Path) -> None:
    with pytest.raises(EngineError) as error:
        find_java()
    assert_one_line(error, "ENGINES=real", "JDK", "Maven", "java")


def test_real_engines_are_refused_when_there_is_no_maven(no_programs: Path) -> None:
    with pytest.raises(EngineError) as error:
        fetch("kafka", b"<project/>", no_programs / "kafka")
    assert_one_line(error, "ENGINES=real", "JDK", "Maven", "mvn")
    assert list(no_programs.iterdir()) == []


def test_addresses_are_refused_naming_the_variables_when_some_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AUTODEAL_KAFKA", "127.0.0.1:9")
    room = EngineRoom(keeper=Keeper(), folder=tmp_path, log=tmp_path)
    with pytest.raises(EngineError) as error:
        addressed_engines(room, set(EngineName))
    assert_one_line(error, "AUTODEAL_POSTGRES_URL", "AUTODEAL_DYNAMODB", "AUTODEAL_COGNITO")
    assert "AUTODEAL_KAFKA" not in str(error.value)
