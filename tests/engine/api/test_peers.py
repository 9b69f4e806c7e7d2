from __future__ import annotations

import os
import socket

from engine.api.peers import Peer, peer_of


def test_the_kernel_says_who_connected() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert peer_of(ours) == Peer(os.getpid(), os.getuid(), os.getgid())


def test_other_sockets_have_no_peer() -> None:
    with socket.socket() as tcp:
        assert peer_of(tcp) is None
