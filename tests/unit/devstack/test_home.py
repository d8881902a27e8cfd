"""One platform runs at a time, and a state that nobody stands behind is no state."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from autodeal_devstack.cli.home import AlreadyRunningError, Home, NotRunningError, State, started_at

NOBODY = 2**22 + 1
"""Above the highest pid that Linux gives."""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def state_owned_by(pid: int, began: float) -> State:
    return State(
        owner_pid=pid,
        owner_started_at=began,
        engines="embedded",
        gateway_url="http://127.0.0.1:1",
        sandbox_url="http://127.0.0.1:2",
        cognito_url=None,
        aws_region="sa-east-1",
        user_pool_id="pool",
        client_id="client",
        processes=(),
    )


def test_state_is_read_when_its_owner_lives(home: Home) -> None:
    state = state_owned_by(os.getpid(), started_at(os.getpid()))
    with home.locked():
        home.write(state)
        assert home.read() == state
    assert home.read() is None


@dataclass(frozen=True)
class Stale:
    pid: int
    began: float


@pytest.mark.parametrize("stale", [Stale(NOBODY, 1.0), Stale(os.getpid(), 1.0)], ids=["dead", "pid reused"])
def test_state_is_gone_when_its_owner_is(home: Home, stale: Stale) -> None:
    home.folder.mkdir()
    home.write(state_owned_by(stale.pid, stale.began))
    assert home.read() is None
    assert list(home.folder.iterdir()) == []


def test_state_counts_as_none_when_it_cannot_be_read(home: Home) -> None:
    home.folder.mkdir()
    (home.folder / "state.json").write_bytes(msgspec.json.encode({"owner_pid": 1}))
    with pytest.raises(NotRunningError, match="autodeal up"):
        home.require()


def test_lock_is_refused_when_it_is_held(home: Home) -> None:
    with home.locked(), pytest.raises(AlreadyRunningError), home.locked():
        pass
    with home.locked():
        pass


def test_old_state_is_removed_when_the_lock_is_taken(home: Home) -> None:
    home.folder.mkdir()
    home.write(state_owned_by(os.getpid(), started_at(os.getpid())))
    with home.locked():
        assert home.read() is None


def test_state_holds_no_secret_when_it_is_written() -> None:
    names = {field.name for field in msgspec.structs.fields(State)}
    assert not [name for name in names if "secret" in name or "token" in name or "password" in name]
