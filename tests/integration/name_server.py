"""A name server for tests: answers every question as it is told to, over UDP and TCP."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial

import trio
from dnslib import QTYPE, RCODE, RR, A, DNSRecord

from engine.resolver.upstream import read_message


@dataclass
class NameServer:
    """`address` is the answer; "" is silence, "servfail" and "refused" are what they say."""

    host: str
    address: str
    asked: list[str] = field(default_factory=list)

    def reply(self, question: bytes) -> bytes:
        asked = DNSRecord.parse(question)
        self.asked.append(str(asked.q.qname))
        answer = asked.reply()
        codes = {"servfail": RCODE.SERVFAIL, "refused": RCODE.REFUSED}
        if self.address in codes:
            answer.header.rcode = codes[self.address]
        elif asked.q.qtype == QTYPE.A:
            answer.add_answer(RR(asked.q.qname, rdata=A(self.address), ttl=5))
        return bytes(answer.pack())

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[NameServer]:
        with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as channel:
            await channel.bind((self.host, 53))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._udp, channel)
                await nursery.start(partial(trio.serve_tcp, self._tcp, 53, host=self.host))
                yield self
                nursery.cancel_scope.cancel()

    async def _udp(self, channel: trio.socket.SocketType) -> None:
        while True:
            question, asker = await channel.recvfrom(4096)
            if self.address:
                await channel.sendto(self.reply(question), asker)

    async def _tcp(self, stream: trio.SocketStream) -> None:
        with contextlib.suppress(OSError):
            while True:
                answer = self.reply(await read_message(stream))
                await stream.send_all(len(answer).to_bytes(2, "big") + answer)
