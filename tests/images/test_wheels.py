"""Every locked package of an image has a wheel for Graviton and for x86-64: nothing is compiled anywhere."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MEMBERS = ("services/vehicle", "services/payment", "services/gateway", "devstack")
PLATFORMS = ("aarch64-unknown-linux-gnu", "x86_64-unknown-linux-gnu")
TIMEOUT_SECONDS = 110


def uv() -> str:
    version = re.search(r"^uv==(\S+)", (ROOT / "tools" / "uv.txt").read_text())
    assert version
    return str(ROOT / ".tools" / f"uv-{version[1]}" / "bin" / "uv")


def resolve(
    requirements: Path, platform: str, target: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    """Ask for the wheels as an image's build does, for a platform, without fetching them."""
    return subprocess.run(
        [
            *(uv(), "pip", "install", "--dry-run", "--no-deps", "--require-hashes", "--only-binary", ":all:"),
            *("--python", sys.executable, "--python-version", "3.11", "--python-platform", platform),
            *("--target", str(target), "--requirements", str(requirements), *options),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("member", MEMBERS)
def test_every_package_has_a_wheel(member: str, platform: str, tmp_path: Path) -> None:
    result = resolve(ROOT / member / "requirements.lock", platform, tmp_path)
    assert result.returncode == 0, result.stderr


def test_package_is_noticed_when_it_has_a_wheel_for_one_platform_alone(tmp_path: Path) -> None:
    index = tmp_path / "index"
    index.mkdir()
    wheel = index / "lonely-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(
            "lonely-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: lonely\nVersion: 1.0\n"
        )
        archive.writestr("lonely-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: cp311-cp311-any\n")
        archive.writestr("lonely-1.0.dist-info/RECORD", "")
    requirements = tmp_path / "requirements.lock"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    requirements.write_text(f"lonely==1.0 --hash=sha256:{digest}\n")
    here = ("--no-index", "--find-links", str(index))
    arm, intel = (resolve(requirements, platform, tmp_path / platform, *here) for platform in PLATFORMS)
    assert intel.returncode == 0, intel.stderr
    assert arm.returncode != 0
    assert "lonely" in arm.stderr
