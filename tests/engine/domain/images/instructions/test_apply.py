"""The table was read off a dockerd 20.10 with `docker import --change`."""

from __future__ import annotations

from typing import Any

import pytest

from engine.domain.images.instructions import apply_changes
from engine.errors import InvalidParameter
from engine.models.containers import ContainerConfig, HealthcheckConfig

APPLIED = [
    ("CMD a b", {"cmd": ["/bin/sh", "-c", "a b"]}),
    ('CMD ["a", "b"]', {"cmd": ["a", "b"]}),
    ('CMD ["a"', {"cmd": ["/bin/sh", "-c", '["a"']}),
    ("CMD", {"cmd": ["/bin/sh", "-c"]}),
    ("CMD []", {"cmd": []}),
    ("cmd ls -l", {"cmd": ["/bin/sh", "-c", "ls -l"]}),
    ('ENTRYPOINT ["e"]', {"entrypoint": ["e"]}),
    ("ENTRYPOINT", {"entrypoint": None}),
    ("ENV A=b", {"env": ["A=b"]}),
    ('ENV A=b C="d e" F=g\\ h', {"env": ["A=b", "C=d e", "F=g h"]}),
    ("ENV A b c", {"env": ["A=b c"]}),
    ("ENV A=1\nENV B=$A-${A}-${C:-x}-${A:+y}", {"env": ["A=1", "B=1-1-x-y"]}),
    ("ENV A='$B'", {"env": ["A=$B"]}),
    ('LABEL a="b c" d=e', {"labels": {"a": "b c", "d": "e"}}),
    (
        "EXPOSE 80 90/udp 100-102",
        {"exposed_ports": {f"{each}": {} for each in ("100/tcp", "101/tcp", "102/tcp", "80/tcp", "90/udp")}},
    ),
    ("USER a b", {"user": "a b"}),
    ("VOLUME /a /b", {"volumes": {"/a": {}, "/b": {}}}),
    ('VOLUME ["/a","/b"]', {"volumes": {"/a": {}, "/b": {}}}),
    ("WORKDIR rel", {"working_dir": "/rel"}),
    ("WORKDIR /a/../b/", {"working_dir": "/a/../b/"}),
    ("WORKDIR /a\nWORKDIR b", {"working_dir": "/a/b"}),
    ("ONBUILD RUN x", {"on_build": ["RUN x"]}),
    ("STOPSIGNAL SIGTERM", {"stop_signal": "SIGTERM"}),
    ("STOPSIGNAL 9", {"stop_signal": "9"}),
    ("HEALTHCHECK NONE", {"healthcheck": HealthcheckConfig(test=["NONE"])}),
    (
        "HEALTHCHECK --interval=5s --retries=3 CMD true  x",
        {"healthcheck": HealthcheckConfig(test=["CMD-SHELL", "true  x"], interval=5 * 10**9, retries=3)},
    ),
    (
        'HEALTHCHECK --start-period=1m30s CMD ["a"]',
        {"healthcheck": HealthcheckConfig(test=["CMD", "a"], start_period=90 * 10**9)},
    ),
    ("# a comment\nUSER \\\n  u", {"user": "u"}),
]  # fmt: skip

REFUSED = [
    ("RUN x", "run is not a valid change command"),
    ("FOO bar", "foo is not a valid change command"),
    ("", "file with no instructions"),
    ("ENV", "ENV requires at least one argument"),
    ("ENV A", "ENV must have two arguments"),
    ("ENV =b", "ENV names can not be blank"),
    ('ENV A="b', 'failed to process "\\"b": unexpected end of statement while looking for matching double-quote'),
    ("LABEL", "LABEL requires at least one argument"),
    ("LABEL foo", "LABEL must have two arguments"),
    ("EXPOSE", "EXPOSE requires at least one argument"),
    ("EXPOSE abc", "Invalid containerPort: abc"),
    ("EXPOSE 80/foo", "Invalid proto: foo"),
    ("USER", "USER requires exactly one argument"),
    ("VOLUME", "VOLUME requires at least one argument"),
    ("VOLUME []", "VOLUME requires at least one argument"),
    ("WORKDIR", "WORKDIR requires exactly one argument"),
    ("ONBUILD", "ONBUILD requires at least one argument"),
    ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"),
    ("ONBUILD ONBUILD x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
    ("STOPSIGNAL SIGNOPE", "invalid signal: SIGNOPE"),
    ("HEALTHCHECK", "HEALTHCHECK requires at least one argument"),
    ("HEALTHCHECK foo", 'Unknown type "FOO" in HEALTHCHECK (try CMD)'),
    ("HEALTHCHECK NONE x", "HEALTHCHECK NONE takes no arguments"),
    ("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"),
    ("HEALTHCHECK --interval=x CMD a", 'time: invalid duration "x"'),
    ("HEALTHCHECK --interval=0.5ms CMD a", 'Interval "interval" cannot be less than 1ms'),
    ("HEALTHCHECK --interval=-1s CMD a", 'Interval "interval" cannot be less than 1ms'),
    ("HEALTHCHECK --foo=1 CMD a", "Unknown flag: foo"),
    ("HEALTHCHECK --retries=0 CMD a", "--retries must be at least 1 (not 0)"),
    ('CMD ["a", 1]', "when using JSON array syntax, arrays must be comprised of strings only"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), APPLIED)
def test_instruction_sets_what_dockerd_sets(change: str, expected: dict[str, Any]) -> None:
    config = apply_changes(ContainerConfig(), [change])
    assert {name: getattr(config, name) for name in expected} == expected


@pytest.mark.parametrize(("change", "text"), REFUSED)
def test_bad_instruction_is_refused_in_dockerds_words(change: str, text: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        apply_changes(ContainerConfig(), [change])
    assert str(refused.value) == text


def test_no_changes_leave_the_config_alone() -> None:
    config = ContainerConfig(user="u")
    assert apply_changes(config, []) is config


def test_new_entrypoint_drops_an_inherited_command() -> None:
    inherited = ContainerConfig(cmd=["a"], entrypoint=["b"])
    assert apply_changes(inherited, ['ENTRYPOINT ["c"]']).cmd is None
    both = apply_changes(inherited, ['CMD ["d"]', 'ENTRYPOINT ["c"]'])
    assert (both.cmd, both.entrypoint) == (["d"], ["c"])


def test_variables_and_labels_are_merged_with_those_that_are_there() -> None:
    config = ContainerConfig(env=["A=1", "B=2"], labels={"x": "y"})
    changed = apply_changes(config, ["ENV A=3 C=$B", "LABEL z=$A"])
    assert changed.env == ["A=3", "B=2", "C=2"]
    assert changed.labels == {"x": "y", "z": "3"}
