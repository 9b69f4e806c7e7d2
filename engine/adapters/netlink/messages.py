"""pyroute2's message classes, without the rest of pyroute2.

The package's `__init__` imports all of its world, a database and a 9P server among it: 7 MB and 90 ms
of a daemon that wants four message classes. So the package is entered without running its `__init__`,
which runs after all as soon as somebody asks for a name that only it has.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

_PACKAGE = "pyroute2"


def enter_bare(name: str) -> ModuleType:
    """The package as a name for its modules. What is imported already is left as it is."""
    if name in sys.modules:
        return sys.modules[name]
    spec = find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    load = spec.loader.exec_module
    package = module_from_spec(spec)

    def missing(wanted: str) -> Any:
        if wanted.startswith("__") or find_spec(f"{name}.{wanted}") is not None:
            raise AttributeError(wanted)  # a module of the package: the import system finds it
        del package.__dict__["__getattr__"]
        load(package)
        return getattr(package, wanted)

    package.__dict__["__getattr__"] = missing
    sys.modules[name] = package
    return package


enter_bare(_PACKAGE)

from pyroute2.netlink.nfnetlink.nfctsocket import NFCTAttrTuple, nfct_msg  # noqa: E402
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg  # noqa: E402
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg  # noqa: E402
from pyroute2.netlink.rtnl.rtmsg import rtmsg  # noqa: E402

__all__ = ["NFCTAttrTuple", "ifaddrmsg", "ifinfmsg", "nfct_msg", "rtmsg"]
