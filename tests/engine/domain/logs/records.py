"""Logs for tests, full of numbered lines."""

from __future__ import annotations

from pathlib import Path

from engine.domain.logs.attributes import LogSubject
from engine.domain.logs.jsonfile import EMPTY, LineAssembler
from engine.domain.logs.ports import Destination
from engine.domain.logs.spool import Spool

ID = "f" * 64
NOW = 1_700_000_000_000_000_000


def subject(name: str = "web") -> LogSubject:
    return LogSubject(
        id=ID,
        name=name,
        image_id="sha256:" + "c" * 64,
        image_name="busybox",
        labels={"app": "shop"},
        env=("STAGE=prod",),
        command="sh -c true",
        created_ns=NOW,
    )


def destination(driver: str = "gelf", **options: str) -> Destination:
    if driver == "gelf":
        options.setdefault("gelf_address", "udp://127.0.0.1:1")
    named = {name.replace("_", "-"): value for name, value in options.items()}
    return Destination(driver, named, subject())


def records(first: int, last: int, ns: int = NOW) -> bytes:
    """The records of lines "first" to "last - 1"."""
    text = "".join(f"{number}\n" for number in range(first, last)).encode()
    return LineAssembler("stdout").feed(EMPTY, text, ns)[0]


def drained(spool: Spool) -> list[str]:
    """What the spool still gives, delivered."""
    texts: list[str] = []
    while (batch := spool.read()) is not None:
        texts += [line.text for line in batch.lines]
        spool.commit(batch)
    return texts


def numbers(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last)]


def spool(directory: Path, max_file: int = 3, limit: int | None = None) -> Spool:
    return Spool(directory, max_file=max_file, limit=limit)
