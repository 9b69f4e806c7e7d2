"""Running a case and making its answer comparable: IDs, generated names and times are blanked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from typing import TypedDict

LIMIT = 40.0
API = "1.41"
"""The highest version that both engines speak."""

BLANKS = (
    (re.compile(r"\b[0-9a-f]{64}\b"), "ID"),
    (re.compile(r"\b[0-9a-f]{12}\b"), "SHORTID"),
    (re.compile(r"BusyBox v\S+ \([^)]*\)"), "BusyBox"),
    # Ours begin as those of later dockerds do.
    (re.compile(r"\bInvalid (filter|address|IPC mode)\b"), r"invalid \1"),
    (re.compile(r'^time="[^"]*"', re.MULTILINE), 'time="TIME"'),
    (re.compile(r"endpoint [a-z]+_[a-z]+ \(ID\)"), "endpoint NAME (ID)"),
)


class Answer(TypedDict):
    """What a case gave."""

    out: str
    err: str
    code: int


def answer(script: str, host: str) -> Answer:
    """Run the lines with bash; subprocess.TimeoutExpired when they hang."""
    scratch = tempfile.mkdtemp()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DOCKER_")}
    environment |= {"DOCKER_HOST": host, "DOCKER_API_VERSION": API, "D": scratch, "LC_ALL": "C"}
    environment["DOCKER_CONFIG"] = os.path.join(scratch, "cli")
    try:
        done = subprocess.run(
            ["bash", "-c", script],
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            stdin=subprocess.DEVNULL,
        )
    finally:
        clear(host)
        shutil.rmtree(scratch, ignore_errors=True)
    return Answer(
        out=blank(done.stdout, scratch), err=blank(done.stderr, scratch), code=done.returncode
    )


def blank(text: str, scratch: str) -> str:
    text = text.replace(scratch, "SCRATCH")
    for pattern, word in BLANKS:
        text = pattern.sub(word, text)
    return text


def clear(host: str) -> None:
    """Remove all containers, and the volumes that nobody has named."""
    listed = subprocess.run(
        ["docker", "-H", host, "ps", "-aq"], capture_output=True, text=True, timeout=LIMIT
    ).stdout.split()
    if listed:
        command = ["docker", "-H", host, "rm", "-f", "-v", *listed]
        subprocess.run(command, capture_output=True, timeout=LIMIT)
