"""The processes of a container as the host's `ps` shows them (row 70)."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from engine.domain.containers import rules
from engine.domain.containers.cell import Cell
from engine.domain.containers.outside import Outside
from engine.errors import InvalidParameter
from engine.models.containers import TopResponse

DEFAULT_ARGUMENTS = "-ef"
_RENAMED_PID = re.compile(r"\s+(\w+)\s*=\s*(PID\w*)")


async def top(cell: Cell, outside: Outside, arguments: str) -> TopResponse:
    """Conflict unless it runs; InvalidParameter in ps's own words."""
    arguments = arguments or DEFAULT_ARGUMENTS
    check_arguments(arguments)
    rules.check_running(cell.record)
    pids = await outside.runtime.tasks.pids(cell.id)
    words = arguments.split(" ")
    try:
        listed = await outside.host.ps([*words, "-q" + ",".join(map(str, pids))])
    except InvalidParameter:  # some options, f for one, do not go together with q
        listed = await outside.host.ps(words)
    table = parse(listed, frozenset(pids))
    await outside.emit(cell.record, "top")
    return table


def check_arguments(arguments: str) -> None:
    """The column of the pids must be called PID, and no other column may; no program can be given a NUL."""
    for name, title in _RENAMED_PID.findall(arguments):
        if name != "pid":
            raise InvalidParameter(f'specifying "{name}={title}" is not allowed')
    if "\0" in arguments:
        raise InvalidParameter("ps_args: a NUL byte cannot be an argument's")


def parse(output: str, pids: Collection[int]) -> TopResponse:
    """The rows of these pids, and the thread rows (pid `-`) that follow one of them."""
    head, *rows = output.split("\n")
    titles = head.split()
    if "PID" not in titles:
        raise InvalidParameter("Couldn't find PID field in ps output")
    column, shown, inside = titles.index("PID"), [], False
    for fields in filter(None, (row.split() for row in rows)):
        pid = fields[column]
        if pid != "-":
            inside = _number(pid) in pids
        if inside:
            shown.append(_row(fields, len(titles)))
    return TopResponse(titles=titles, processes=shown)


def _row(fields: Sequence[str], columns: int) -> list[str]:
    """The last column, the command, has all the rest."""
    return [*fields[: columns - 1], " ".join(fields[columns - 1 :])]


def _number(text: str) -> int:
    if not text.isdecimal():
        raise InvalidParameter(f"Unexpected pid '{text}'")
    return int(text)
