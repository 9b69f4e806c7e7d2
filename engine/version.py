"""Which engine this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("trimaran")
except PackageNotFoundError:  # run from a source tree that is not installed
    VERSION = "0.1.0"

COMMIT = ""
BUILD_TIME = ""
