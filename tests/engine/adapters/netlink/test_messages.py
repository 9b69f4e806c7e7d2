from __future__ import annotations

import subprocess
import sys

from tests.harness.daemon import ROOT


def python(program: str) -> str:
    """In a process of its own: what is imported here is imported for good."""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_message_classes_come_without_the_rest_of_the_package() -> None:
    found = python(
        "import sys; from engine.adapters.netlink.messages import ifinfmsg, nfct_msg;"
        "print(ifinfmsg.__name__, nfct_msg.__name__, 'pyroute2.ndb' in sys.modules)"
    )
    assert found == "ifinfmsg nfct_msg False"


def test_who_asks_for_more_gets_the_whole_package() -> None:
    found = python(
        "import engine.adapters.netlink.messages; from pyroute2 import IPRoute, NDB;"
        "import pyroute2; print(IPRoute.__name__, NDB.__name__, pyroute2.netlink.rtnl.__name__)"
    )
    assert found == "IPRoute NDB pyroute2.netlink.rtnl"


def test_a_name_that_the_package_does_not_have_is_an_attribute_error() -> None:
    found = python(
        "import engine.adapters.netlink.messages, pyroute2; print(hasattr(pyroute2, 'nothing'))"
    )
    assert found == "False"
