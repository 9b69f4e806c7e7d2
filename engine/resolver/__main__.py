"""`python -m engine.resolver SOCKET`: serve until nobody needs it."""

from __future__ import annotations

import sys
from pathlib import Path

import trio

from engine.resolver.control import Resolver
from engine.resolver.upstream import HostServers


def main() -> None:
    trio.run(Resolver(Path(sys.argv[1]), HostServers()).run)


if __name__ == "__main__":
    main()
