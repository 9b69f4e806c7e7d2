"""What people build: a compiler's stage before an empty image, an application of an interpreter, one layer of many."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.daemon import Daemon, running_daemon
from tests.harness.images import busybox_tar
from tests.integration.test_builds import context, left

pytestmark = pytest.mark.integration

NOTHING = {"containers": [], "files": [], "snapshots": []}


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running_daemon("--experimental") as found:
        yield found


def libraries(*programs: str) -> set[Path]:
    """The shared libraries that programs are linked to, their interpreter too."""
    found = set()
    for program in programs:
        listed = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
        found |= {Path(each) for each in re.findall(r"(?:=> |^\s)(/\S+)", listed, re.M)}
    return found


def root_of(*paths: Path) -> bytes:
    """A busybox with these files and directories of the machine's, where they are here."""
    out = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(busybox_tar())) as base,
        tarfile.open(fileobj=out, mode="w", dereference=True) as archive,
    ):
        for member in base:
            archive.addfile(member, base.extractfile(member) if member.isfile() else None)
        for path in dict.fromkeys(paths):
            archive.add(path, str(path), filter=_wanted)
    return out.getvalue()


def _wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    left_out = ("/test", "/__pycache__", "/site-packages", "/idlelib", "/ensurepip", "/lib2to3")
    return None if member.name.endswith(left_out) else member


def asked(*question: str) -> Path:
    """What gcc says of where a part of it is."""
    said = subprocess.run(["gcc", *question], capture_output=True, text=True).stdout
    return Path(os.path.normpath(said.strip()))


def compiler() -> bytes:
    """gcc, what it runs, and what it links with."""
    programs = [Path(shutil.which("gcc") or "")]
    for name in ("cc1", "collect2", "as", "ld"):
        found = asked(f"-print-prog-name={name}")
        programs.append(found if found.is_absolute() else Path(shutil.which(str(found)) or ""))
    parts = ("crt1.o", "crti.o", "crtn.o", "libc.a", "crtbeginT.o", "crtend.o", "libgcc.a")
    objects = [
        asked(f"-print-file-name={name}") for name in (*parts, "libgcc_eh.a", "liblto_plugin.so")
    ]
    headers = [asked("-print-file-name=include"), Path("/usr/include")]
    return root_of(*programs, *libraries(*map(str, programs)), *objects, *headers)


def imported(daemon: Daemon, name: str, root: bytes) -> None:
    daemon.json("POST", f"/images/create?fromSrc=-&repo={name}&tag=latest", root)


def built(daemon: Daemon, query: str, data: bytes) -> str:
    """What a build said, once it has ended well."""
    status, body = daemon.request("POST", f"/build?{query}", data)
    assert status == 200, body
    messages = [json.loads(line) for line in body.splitlines()]
    said = "".join(each.get("stream", "") for each in messages)
    assert "error" not in messages[-1], said[-3000:] + str(messages[-1])
    return said


def test_a_program_compiled_in_one_stage_runs_alone(daemon: Daemon) -> None:
    if shutil.which("gcc") is None or not asked("-print-file-name=libc.a").is_absolute():
        pytest.skip("there is no gcc on this machine, or no C library to link statically")
    imported(daemon, "compiler", compiler())
    source = b'#include <stdio.h>\nint main(void) { printf("from C %d\\n", VALUE); return 0; }\n'
    text = (
        "FROM compiler AS make\nARG VALUE=1\nWORKDIR /src\nCOPY main.c .\n"
        "RUN gcc -O1 -static -DVALUE=$VALUE -o /main main.c\n"
        'FROM scratch\nCOPY --from=make /main /main\nENTRYPOINT ["/main"]\n'
    )
    data = context(text, **{"main.c": source})
    built(daemon, "t=alone&buildargs=%7B%22VALUE%22%3A%2242%22%7D", data)
    assert daemon.docker("run", "--rm", "alone", check=True).stdout == b"from C 42\n"
    assert len(daemon.json("GET", "/images/alone/json")["RootFS"]["Layers"]) == 1
    assert left(daemon) == NOTHING


def test_an_application_of_an_interpreter(daemon: Daemon) -> None:
    python = Path(sys.executable).resolve()
    library = Path(sysconfig.get_path("stdlib"))
    extensions = [str(each) for each in (library / "lib-dynload").glob("_json*.so")]
    needed = libraries(str(python), *extensions)
    imported(daemon, "interpreter", root_of(python, library, *needed))
    text = (
        f"FROM interpreter\nENV PATH={python.parent}:/bin PYTHONDONTWRITEBYTECODE=1\n"
        "ENV LD_LIBRARY_PATH=/lib\nWORKDIR /app\nCOPY app/ .\n"
        f"RUN {python} -c 'import greeting; print(greeting.words)'\nUSER nobody\n"
        f'CMD ["{python}", "main.py"]\n'
    )
    files = {
        "app/greeting.py": b'words = "hello from here"\n',
        "app/main.py": b"import json, greeting\nprint(json.dumps([greeting.words]))\n",
    }
    assert "hello from here\n" in built(daemon, "t=application", context(text, **files))
    said = daemon.docker("run", "--rm", "application", check=True).stdout
    assert json.loads(said) == ["hello from here"]


def test_a_here_document_with_an_interpreter_of_its_own(daemon: Daemon) -> None:
    """As BuildKit runs it; also for a user who is not root, and nothing of it stays in the image."""
    text = (
        "FROM busybox\nUSER nobody\n"
        'RUN <<EOF\n#!/bin/awk -f\nBEGIN { print "by " ARGC; exit }\nEOF\nRUN ls /dev\n'
    )
    said = built(daemon, "t=script", context(text))
    assert "by 1\n" in said
    assert "pipes" not in said.split("Step 4")[1]
    assert "Using cache" in built(daemon, "t=script", context(text))
    assert left(daemon) == NOTHING


def test_squash(daemon: Daemon) -> None:
    """One layer on the base: what was removed above it is nowhere, what was removed of it is gone."""
    text = (
        "FROM busybox\nRUN echo kept > /kept; echo secret > /secret\n"
        "RUN rm /secret /etc/group\nENV a=b\n"
    )
    base = daemon.json("GET", "/images/busybox/json")
    said = daemon.docker(
        "build", "--squash", "-t", "squashed", "-", input=text.encode(), check=True
    )
    assert b"Successfully tagged squashed:latest" in said.stdout
    image = daemon.json("GET", "/images/squashed/json")
    assert len(image["RootFS"]["Layers"]) == len(base["RootFS"]["Layers"]) + 1
    assert "a=b" in image["Config"]["Env"]
    newest, *others = daemon.json("GET", "/images/squashed/history")
    assert re.fullmatch(rf"merge sha256:[0-9a-f]{{64}} to {base['Id']}", newest["Comment"])
    assert newest["Size"] > 0
    assert [each["Size"] for each in others[:3]] == [0, 0, 0]
    shown = daemon.docker("run", "--rm", "squashed", "sh", "-c", "cat /kept; ls / /etc", check=True)
    assert b"kept" in shown.stdout
    assert b"secret" not in shown.stdout
    assert b"group" not in shown.stdout
    _, data = daemon.request("GET", "/images/squashed/get")
    assert b"secret\n" not in data.replace(b"echo secret", b"")
    assert left(daemon) == NOTHING


def test_squash_on_nothing(daemon: Daemon) -> None:
    built(
        daemon, "t=flat&squash=1", context("FROM scratch\nCOPY a b /\nCOPY b /c\n", a=b"1", b=b"2")
    )
    image = daemon.json("GET", "/images/flat/json")
    assert len(image["RootFS"]["Layers"]) == 1
    comment = daemon.json("GET", "/images/flat/history")[0]["Comment"]
    assert comment.startswith("create new from sha256:")
