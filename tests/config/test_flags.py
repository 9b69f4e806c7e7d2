"""The command line, with the forms and texts of dockerd."""

from __future__ import annotations

import pytest

from config.errors import FlagError
from config.flags import parse
from config.schema import CONFIG_FILE


@pytest.mark.parametrize(
    ("arguments", "values"),
    [
        (["--debug"], {"debug": True}),
        (["--debug=false"], {"debug": False}),
        (["-D", "-l", "warn"], {"debug": True, "log-level": "warn"}),
        (["-Dlwarn"], {"debug": True, "log-level": "warn"}),
        (["-Dl=warn"], {"debug": True, "log-level": "warn"}),
        (["-D=0"], {"debug": False}),
        (["-H", "fd://", "-Hfd://x"], {"hosts": ["fd://", "fd://x"]}),
        (["--mtu=1", "--mtu=2"], {"mtu": 2}),
        (["--log-opt", "a=b=c"], {"log-opts": {"a": "b=c"}}),
        (["--dns", "1.1.1.1", "--"], {"dns": ["1.1.1.1"]}),
        (["-r=false", "--restart"], {}),
        (["--pidfile", ""], {"pidfile": ""}),
    ],
)
def test_forms_of_pflag_are_read(arguments: list[str], values: dict[str, object]) -> None:
    assert parse(arguments).values == values


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--nope"], "unknown flag: --nope"),
        (["-x"], "unknown shorthand flag: 'x' in -x"),
        (["-Dx"], "unknown shorthand flag: 'x' in -Dx"),
        (["--bip"], "flag needs an argument: --bip"),
        (["-l"], "flag needs an argument: 'l' in -l"),
        (["--=x"], "bad flag syntax: --=x"),
        (["positional"], '"trimarand" accepts no argument(s).'),
        (["--", "-D"], '"trimarand" accepts no argument(s).'),
        (["-D", "false"], '"trimarand" accepts no argument(s).'),
        (["--mtu", "abc"], 'invalid argument "abc" for "--mtu" flag: strconv.ParseInt: parsing "abc": invalid syntax'),
        (["--debug=maybe"], 'invalid argument "maybe" for "-D, --debug" flag: strconv.ParseBool: parsing "maybe": invalid syntax'),
        (["--dns", "foo"], 'invalid argument "foo" for "--dns" flag: foo is not an ip address'),
        (["--ip", "foo"], 'invalid argument "foo" for "--ip" flag: foo is not an ip address'),
        (["--dns-search", "a b"], 'invalid argument "a b" for "--dns-search" flag: a b is not a valid domain'),
        (["--label", "foo"], 'invalid argument "foo" for "--label" flag: bad attribute format: foo'),
        (["--add-runtime", "runc=x"], "invalid argument \"runc=x\" for \"--add-runtime\" flag: runtime name 'runc' is reserved"),
        (["--add-runtime", "foo"], 'invalid argument "foo" for "--add-runtime" flag: invalid runtime argument: foo'),
        (["--default-ulimit", "foo"], 'invalid argument "foo" for "--default-ulimit" flag: invalid ulimit argument: foo'),
        (["--default-ulimit", "nofile=5:3"], 'invalid argument "nofile=5:3" for "--default-ulimit" flag: ulimit soft limit must be less than or equal to hard limit: 5 > 3'),
        (["--default-shm-size", "foo"], "invalid argument \"foo\" for \"--default-shm-size\" flag: invalid size: 'foo'"),
        (["--registry-mirror", "foo"], 'invalid argument "foo" for "--registry-mirror" flag: invalid mirror: unsupported scheme "" in "foo"'),
        (["--default-address-pool", "foo"], "invalid argument \"foo\" for \"--default-address-pool\" flag: invalid field 'foo' must be a key=value pair"),
        (["--default-address-pool", "base=x,foo=1"], "invalid argument \"base=x,foo=1\" for \"--default-address-pool\" flag: unexpected key 'foo' in 'base=x,foo=1'"),
        (["--node-generic-resource", "foo"], 'invalid argument "foo" for "--node-generic-resource" flag: invalid node-generic-resource format `foo` expected `name=value`'),
        (["--log-opt", "foo"], 'invalid argument "foo" for "--log-opt" flag: invalid key=value pair: foo'),
        (["-H", "foo://a"], 'invalid argument "foo://a" for "-H, --host" flag: Invalid bind address format: foo://a'),
        (["-H", "tcp://foo:x"], 'invalid argument "tcp://foo:x" for "-H, --host" flag: parse "tcp://foo:x": invalid port ":x" after host'),
        (["--graph", "/x"], '--graph is not supported: use "data-root"'),
        (["-g", "/x"], '-g is not supported: use "data-root"'),
        (["--cluster-store-opt", "a=b"], '--cluster-store-opt is not supported: classic Swarm is gone; use "docker swarm init"'),
    ],
)  # fmt: skip
def test_refused_flag_says_why_as_dockerd_does(arguments: list[str], text: str) -> None:
    with pytest.raises(FlagError) as caught:
        parse(arguments)
    assert str(caught.value) == f"{text}\nSee 'trimarand --help'."
    assert caught.value.exit_status == 1


@pytest.mark.parametrize(
    ("arguments", "action"),
    [
        ([], "run"),
        (["--validate"], "validate"),
        (["-v"], "version"),
        (["--version", "-D"], "version"),
        (["--help", "--nope"], "help"),
        (["-h"], "help"),
        (["--help=false"], "run"),
    ],
)
def test_action_follows_the_flags(arguments: list[str], action: str) -> None:
    assert parse(arguments).action == action


def test_config_file_is_remembered_as_given() -> None:
    assert (parse([]).config_file, parse([]).config_file_given) == (CONFIG_FILE, False)
    line = parse(["--config-file", "/f"])
    assert (line.config_file, line.config_file_given) == ("/f", True)
