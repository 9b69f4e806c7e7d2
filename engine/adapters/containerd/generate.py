"""Generates `gen/`, the message classes and client stubs, from `protos/` (`python -m` this module)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import grpc_tools  # type: ignore[import-untyped]

HERE = Path(__file__).parent
SOURCES = HERE / "protos"
# The folder's name inside the descriptor pool and the package: with it protoc writes absolute
# imports, and no file of ours can meet another library's `events.proto` in the global pool.
VIRTUAL = "engine/adapters/containerd/gen"
GENERATED = "# Generated from protos/ by generate.py; not to be edited.\n"


def generate(root: Path) -> None:
    """Write the generated modules below `root` (the folder that holds the package `engine`)."""
    names = sorted(path.name for path in SOURCES.glob("*.proto"))
    plugin = Path(sys.executable).parent / "protoc-gen-grpclib_python"
    command = [
        sys.executable,
        *("-m", "grpc_tools.protoc"),
        f"-I{VIRTUAL}={SOURCES}",
        f"-I{Path(grpc_tools.__file__).parent / '_proto'}",
        f"--plugin=protoc-gen-grpclib_python={plugin}",
        f"--python_out={root}",
        f"--pyi_out={root}",
        f"--grpclib_python_out={root}",
        *(f"{VIRTUAL}/{name}" for name in names),
    ]
    subprocess.run(command, check=True)
    target = root / VIRTUAL
    (target / "__init__.py").write_text(GENERATED)
    for stub in target.glob("*_grpc.py"):
        if "ServiceMethod" not in stub.read_text() and "Stub" not in stub.read_text():
            stub.unlink()


def main() -> None:
    root = HERE.parents[2]
    for old in (root / VIRTUAL).glob("*.py*"):
        old.unlink()
    generate(root)


if __name__ == "__main__":
    main()
