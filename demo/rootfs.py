"""A root file system for containers, made of the machine's own static busybox."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

from demo.checks import require

FOLDERS = ("bin", "dev", "etc", "proc", "root", "sys", "tmp", "var", "www")


def busybox() -> str:
    """Where the machine's busybox is."""
    found = shutil.which("busybox")
    require("busybox-static", "installed", found is not None, "no busybox in the PATH")
    return str(found)


def busybox_tar() -> bytes:
    """A tar archive with busybox and a link for each of its applets."""
    binary = busybox()
    listed = subprocess.run([binary, "--list"], capture_output=True, check=True, timeout=10)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in FOLDERS:
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(info)
        _file(tar, "bin/busybox", Path(binary).read_bytes(), 0o755)
        _file(tar, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n", 0o644)
        _file(tar, "etc/group", b"root:x:0:\n", 0o644)
        for applet in listed.stdout.decode().split():
            if applet != "busybox":
                info = tarfile.TarInfo(f"bin/{applet}")
                info.type, info.linkname, info.mode = tarfile.SYMTYPE, "busybox", 0o777
                tar.addfile(info)
    return out.getvalue()


def _file(tar: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), mode
    tar.addfile(info, io.BytesIO(data))
