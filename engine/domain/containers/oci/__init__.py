"""The OCI runtime specification of a container, built from its config and what was resolved."""

from __future__ import annotations

from engine.domain.containers.oci.build import build_spec, encode_spec
from engine.domain.containers.oci.plan import (
    HOST,
    NEW,
    HostDevice,
    IdMapping,
    Namespaces,
    SpecMount,
    SpecPlan,
    User,
)
from engine.domain.containers.oci.process import exec_process

__all__ = [
    "HOST",
    "NEW",
    "HostDevice",
    "IdMapping",
    "Namespaces",
    "SpecMount",
    "SpecPlan",
    "User",
    "build_spec",
    "encode_spec",
    "exec_process",
]
