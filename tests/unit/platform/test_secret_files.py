"""Secrets that stand in files, and change while the process runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import pytest

from autodeal_platform.secret import FileSecret
from autodeal_platform.settings import Secret, SettingsError, describe_settings, load_settings


@runtime_checkable
class Password(Protocol):
    """How a library that does not know the platform declares a secret."""

    def reveal(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class ExampleSettings:
    token: Secret
    previous: Secret | None = None
    password: Password | None = None


def mount(volume: Path, number: int, **texts: str) -> None:
    """Swap a folder of secrets for the next one in a single step, as a kubelet does."""
    version = volume / f"..{number}"
    version.mkdir()
    for name, text in texts.items():
        (version / name).write_text(text)
        link = volume / name
        if not link.is_symlink():
            link.symlink_to(Path("..data") / name)
    (volume / "..data_tmp").symlink_to(version.name)
    (volume / "..data_tmp").replace(volume / "..data")


def test_secret_is_the_files_text_when_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first \n")
    settings = load_settings(ExampleSettings, {"TOKEN_FILE": str(tmp_path / "token")})
    assert settings.token.reveal() == "first "
    assert settings.token == Secret("first ")
    assert "first" not in f"{settings!r} {settings.token} {settings.token!r}"
    assert settings.previous is None


def test_secret_is_new_when_its_volume_was_swapped(tmp_path: Path) -> None:
    mount(tmp_path, 1, token="one")
    settings = load_settings(ExampleSettings, {"TOKEN_FILE": str(tmp_path / "token")})
    assert settings.token.reveal() == "one"
    mount(tmp_path, 2, token="two")
    assert settings.token.reveal() == "two"
    mount(tmp_path, 3, token="six")
    assert settings.token.reveal() == "six"


def test_secret_is_new_when_its_file_was_written_over_with_as_many_bytes(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one")
    secret = FileSecret(file)
    file.write_text("two")
    status = file.stat()
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert secret.reveal() == "two"


@pytest.mark.parametrize("spoil", [Path.unlink, lambda file: file.write_text("\n")])
def test_required_secret_stays_when_its_file_is_away_or_empty(tmp_path: Path, spoil: object) -> None:
    file = tmp_path / "token"
    file.write_text("one")
    settings = load_settings(ExampleSettings, {"TOKEN_FILE": str(file)})
    assert callable(spoil)
    spoil(file)
    assert settings.token.reveal() == "one"
    file.write_text("another")
    assert settings.token.reveal() == "another"


def test_optional_secret_comes_and_goes_with_its_file(tmp_path: Path) -> None:
    file, previous = tmp_path / "token", tmp_path / "previous"
    file.write_text("one")
    settings = load_settings(ExampleSettings, {"TOKEN_FILE": str(file), "PREVIOUS_FILE": str(previous)})
    assert settings.previous is not None
    assert not settings.previous
    previous.write_text("zero")
    assert settings.previous.reveal() == "zero"
    previous.unlink()
    assert not settings.previous


@pytest.mark.parametrize("text", [None, "", "\n"])
def test_start_is_refused_when_a_required_secrets_file_holds_none(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "token"
    if text is not None:
        file.write_text(text)
    with pytest.raises(SettingsError, match=r"^TOKEN_FILE names no file that holds a secret$"):
        load_settings(ExampleSettings, {"TOKEN_FILE": str(file)})


def test_start_is_refused_when_a_secret_is_given_twice(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hunter2")
    with pytest.raises(SettingsError, match="TOKEN and TOKEN_FILE exclude each other") as caught:
        load_settings(ExampleSettings, {"TOKEN": "hunter2", "TOKEN_FILE": str(tmp_path / "token")})
    assert "hunter2" not in str(caught.value)


def test_librarys_own_word_for_a_secret_counts_as_one(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2")
    settings = load_settings(ExampleSettings, {"TOKEN": "t", "PASSWORD_FILE": str(tmp_path / "password")})
    assert settings.password is not None
    assert settings.password.reveal() == "hunter2"
    assert load_settings(ExampleSettings, {"TOKEN": "t", "PASSWORD": "p"}).password == Secret("p")
    assert [field.type for field in describe_settings(ExampleSettings) if field.secret] == ["a secret"] * 3
