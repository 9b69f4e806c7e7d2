"""The help."""

from __future__ import annotations

from config.options import OPTIONS
from config.usage import usage


def test_help_names_every_flag_that_does_something() -> None:
    text = usage()
    for option in OPTIONS:
        assert (f" --{option.flag}" in text) is not option.hidden, option.flag


def test_help_fits_the_width() -> None:
    assert max(map(len, usage(100).splitlines())) <= 100


def test_help_shows_defaults() -> None:
    text = " ".join(usage().split())
    for shown in (
        '(default "/run/trimaran/trimaran.pid")',
        "(default 64MiB)",
        "(default 3)",
        '(default "runc")',
    ):
        assert shown in text
