"""One project through a sequence of edits, built after each: how many of its steps the cache has is dockerd's to say.

`python -m tests.clients.builds.edits SOCKET` asks a dockerd to play with and writes what it found, edit by edit.
"""

from __future__ import annotations

import io
import json
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

from tests.clients.builds.running import Engine

RECORDED = Path(__file__).with_name("edits.json")
DOCKERFILE = """\
ARG BASE=busybox
FROM busybox AS tools
WORKDIR /tools
COPY tools/ .
RUN sh make.sh > made
FROM $BASE
LABEL stage=app
ENV MODE=plain
ARG LEVEL=1
COPY requirements /app/
RUN cat /app/requirements > /installed
COPY src /app/src/
COPY --from=tools /tools/made /app/
RUN echo $LEVEL $MODE > /app/level
ADD packed.tar /app/packed/
WORKDIR /app
EXPOSE 80
CMD ["sh", "run.sh"]
"""


@dataclass(frozen=True)
class File:
    content: str
    mode: int = 0o644
    owner: int = 0
    modified: int = 1_600_000_000


@dataclass
class Project:
    """`query` holds the build's options, without its tag."""

    dockerfile: str = DOCKERFILE
    files: dict[str, File] = field(default_factory=dict)
    query: str = ""
    name: str = "edited"

    def archive(self) -> bytes:
        out = io.BytesIO()
        everything = {"Dockerfile": File(self.dockerfile), **self.files}
        with tarfile.open(fileobj=out, mode="w") as archive:
            for path, file in everything.items():
                data = file.content.encode("latin-1")
                info = tarfile.TarInfo(path)
                info.size, info.mode, info.mtime = len(data), file.mode, file.modified
                info.uid = info.gid = file.owner
                archive.addfile(info, io.BytesIO(data))
        return out.getvalue()

    def put(self, path: str, content: str) -> None:
        self.files[path] = replace(self.files.get(path, File("")), content=content)

    def change(self, path: str, **how: int) -> None:
        self.files[path] = replace(self.files[path], **how)  # type: ignore[arg-type]

    def edit(self, old: str, new: str) -> None:
        assert old in self.dockerfile
        self.dockerfile = self.dockerfile.replace(old, new)

    def ask(self, **options: str) -> None:
        self.query = "".join(f"&{name}={quote(value)}" for name, value in options.items())


def packed(content: str) -> str:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("inner")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content.encode()))
    return out.getvalue().decode("latin-1")


def begun() -> Project:
    project = Project()
    for path, content in {
        "tools/make.sh": "echo made by tools",
        "requirements": "one==1\n",
        "src/main": "main\n",
        "src/lib/a": "a\n",
        "src/lib/b": "b\n",
        "packed.tar": packed("inner"),
        "notes": "not copied\n",
    }.items():
        project.put(path, content)
    return project


Edit = Callable[[Project], object]
EDITS: tuple[tuple[str, Edit], ...] = (
    ("the first build", lambda p: None),
    ("nothing", lambda p: None),
    ("a time", lambda p: p.change("src/main", modified=1_700_000_000)),
    ("a source", lambda p: p.put("src/main", "main 2\n")),
    ("the source as it was", lambda p: p.put("src/main", "main\n")),
    ("what is not copied", lambda p: p.put("notes", "changed\n")),
    ("a mode", lambda p: p.change("src/lib/a", mode=0o755)),
    ("the mode as it was", lambda p: p.change("src/lib/a", mode=0o644)),
    ("an owner", lambda p: p.change("src/lib/b", owner=1000)),
    ("the owner as it was", lambda p: p.change("src/lib/b", owner=0)),
    ("a file more", lambda p: p.put("src/lib/c", "c\n")),
    ("a file less", lambda p: p.files.pop("src/lib/c")),
    ("a name", lambda p: p.files.update({"src/lib/z": p.files.pop("src/lib/b")})),
    ("the name as it was", lambda p: p.files.update({"src/lib/b": p.files.pop("src/lib/z")})),
    ("the order in the archive", lambda p: p.files.update({"src/main": p.files.pop("src/main")})),
    ("a file left out", lambda p: p.put(".dockerignore", "src/lib/a\n")),
    ("a file left out that is not copied", lambda p: p.put(".dockerignore", "notes\n")),
    ("all of it again", lambda p: p.files.pop(".dockerignore")),
    ("requirements", lambda p: p.put("requirements", "one==2\n")),
    ("an archive", lambda p: p.put("packed.tar", packed("other"))),
    ("another stage's source", lambda p: p.put("tools/make.sh", "echo made better")),
    ("another stage's source to no effect", lambda p: p.put("tools/make.sh", "echo  made better")),
    ("a comment", lambda p: p.edit("EXPOSE", "# a comment\nEXPOSE")),
    ("spaces", lambda p: p.edit("EXPOSE 80", "EXPOSE   80")),
    ("a build argument", lambda p: p.ask(buildargs='{"LEVEL": "2"}')),
    ("the build argument's default given", lambda p: p.ask(buildargs='{"LEVEL": "1"}')),
    ("an argument that nobody takes", lambda p: p.ask(buildargs='{"OTHER": "1"}')),
    ("a predefined argument", lambda p: p.ask(buildargs='{"HTTP_PROXY": "http://x:1"}')),
    ("no arguments", lambda p: p.ask()),
    ("a label from outside", lambda p: p.ask(labels='{"a": "b"}')),
    ("a target", lambda p: p.ask(target="tools")),
    ("no cache", lambda p: p.ask(nocache="1")),
    ("the cache again", lambda p: p.ask()),
    ("the last step", lambda p: p.edit('["sh", "run.sh"]', '["sh"]')),
    ("an environment early", lambda p: p.edit("MODE=plain", "MODE=other")),
    ("a step less", lambda p: p.edit("# a comment\nEXPOSE   80\n", "")),
    ("a step more", lambda p: p.edit("WORKDIR /app\nCMD", "WORKDIR /app\nUSER nobody\nCMD")),
    (
        "two steps swapped",
        lambda p: p.edit("WORKDIR /app\nUSER nobody", "USER nobody\nWORKDIR /app"),
    ),
    ("a shell", lambda p: p.edit("ENV MODE", 'SHELL ["/bin/sh", "-ec"]\nENV MODE')),
    ("an owner in the copy", lambda p: p.edit("COPY src", "COPY --chown=7 src")),
    ("the same as an ADD", lambda p: p.edit("COPY --chown=7 src", "ADD --chown=7 src")),
    ("an argument of the FROM", lambda p: p.ask(buildargs='{"BASE": "busybox:latest"}')),
    ("all as at first", lambda p: (p.ask(), setattr(p, "dockerfile", DOCKERFILE))),
)


def counted(engine: Engine, project: Project) -> list[int]:
    """[steps that came from the cache, steps in all] of one build."""
    path = f"/build?t={project.name}{project.query}"
    status, body = engine.request("POST", path, project.archive())
    assert status == 200, body
    messages = [json.loads(line) for line in body.splitlines()]
    said = "".join(each.get("stream", "") for each in messages)
    assert f"Successfully tagged {project.name}:latest" in said, said
    return [said.count(" ---> Using cache\n"), said.count("Step ")]


def run(engine: Engine) -> dict[str, list[int]]:
    project, found = begun(), {}
    for name, edit in EDITS:
        edit(project)
        found[name] = counted(engine, project)
    return found


if __name__ == "__main__":
    RECORDED.write_text(json.dumps(run(Engine(sys.argv[1])), indent=1) + "\n")
