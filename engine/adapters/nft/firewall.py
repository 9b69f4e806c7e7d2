"""The `Firewall` port over libnftables: our table, and the exemptions in foreign chains."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, TypeVar

import trio

from engine.adapters.nft import foreign, loaded, monitor, ruleset
from engine.adapters.nft.foreign import Chain, Site
from engine.adapters.nft.library import Nft, NftError
from engine.domain.networks.ports import Change, Drift, FirewallPlan
from engine.errors import DeadlineExceeded

T = TypeVar("T")
_DEADLINE = 20.0


class NftFirewall:
    """One table, named after the engine; nothing else is ours but rules with our comment."""

    def __init__(self, engine_id: str) -> None:
        self.table = ruleset.table_name(engine_id)
        self._comment = f"trimaran:{engine_id}"
        self._nft: Nft | None = None

    async def load(self, plan: FirewallPlan) -> bool:
        return await _in_worker("load the firewall", partial(self._load, plan))

    async def change(self, plan: FirewallPlan, change: Change) -> None:
        await _in_worker("change the firewall", partial(self._change, plan, change))

    async def drift(self, plan: FirewallPlan) -> Drift:
        return await _in_worker("verify the firewall", partial(self._drift, plan))

    async def remove(self) -> None:
        await _in_worker("remove the firewall", self._remove)

    def changes(self) -> AsyncIterator[None]:
        return monitor.changes()

    def close(self) -> None:
        if self._nft is not None:
            self._nft.close()

    @property
    def _library(self) -> Nft:
        if self._nft is None:
            self._nft = Nft()
        return self._nft

    def _load(self, plan: FirewallPlan) -> bool:
        drift = self._drift(plan)
        if drift.base:
            self._library.run(ruleset.replacement(self.table, plan))
        elif drift.missing or drift.surplus:
            ports = Change(add=tuple(drift.missing), remove=tuple(drift.surplus))
            self._library.run(ruleset.change(self.table, ports))
        self._exempt(plan)
        return bool(drift)

    def _change(self, plan: FirewallPlan, change: Change) -> None:
        try:
            self._library.run(ruleset.change(self.table, change))
        except NftError:
            # Someone flushed the table, or an element is not as we remember: load it whole.
            self._library.run(ruleset.replacement(self.table, plan))
        if change.new_bridges or change.old_bridges:
            self._exempt(plan)

    def _exempt(self, plan: FirewallPlan) -> None:
        if commands := foreign.commands(self._sites(plan), self._comment):
            self._library.run(commands)

    def _drift(self, plan: FirewallPlan) -> Drift:
        wrong = tuple(str(s.chain) for s in self._sites(plan) if s.missing or s.stray)
        return loaded.compare(self._read(), plan, wrong)

    def _read(self) -> loaded.Loaded | None:
        try:
            return loaded.read(self._library.listing(f"list table inet {self.table}"))
        except NftError:
            return None

    def _sites(self, plan: FirewallPlan) -> list[Site]:
        chains = foreign.forward_chains(self._library.listing("list chains"), self.table)
        rules = {chain: self._rules(chain) for chain in chains}
        chosen = foreign.choose(rules)
        return [
            foreign.site(
                chain, objects, _bridges(plan, chain), self._comment, needed=chain in chosen
            )
            for chain, objects in rules.items()
        ]

    def _rules(self, chain: Chain) -> list[dict[str, Any]]:
        try:
            return self._library.listing(f"list chain {chain}")
        except NftError:
            return []  # gone between the two listings

    def _remove(self) -> None:
        self._library.run(ruleset.removal(self.table))
        self._exempt(FirewallPlan())


def _bridges(plan: FirewallPlan, chain: Chain) -> list[str]:
    """Those whose packets the chain sees."""
    return [
        network.bridge
        for network in plan.bridges
        if chain.family == "inet" or (network.subnet6 if chain.family == "ip6" else network.subnet)
    ]


async def _in_worker(action: str, work: Callable[[], T]) -> T:
    with trio.move_on_after(_DEADLINE):
        return await trio.to_thread.run_sync(work, abandon_on_cancel=True)
    raise DeadlineExceeded(f"{action}: no answer within {_DEADLINE:g} s")
