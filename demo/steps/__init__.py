"""The steps, in their order. Later ones use the containers of earlier ones."""

from __future__ import annotations

from demo.scene import Step
from demo.steps import daemon, ending, running, serving, surviving, volumes

STEPS = (
    *daemon.STEPS,
    *running.STEPS,
    *serving.STEPS,
    *volumes.STEPS,
    *surviving.STEPS,
    *ending.STEPS,
)

__all__ = ["STEPS", "Step"]
