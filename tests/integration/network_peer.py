"""A stand-alone server and client, run by the network lab inside network namespaces.

`serve PROTO PORT` answers everybody with the address that it sees. `ask PROTO HOST PORT
[SOURCE]` prints the answer, or the error. `flood` sends a raw frame to the host's loopback.
"""

from __future__ import annotations

import socket
import struct
import sys

KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def serve(proto: str, port: str) -> None:
    server = socket.socket(socket.AF_INET6, KINDS[proto])
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("::", int(port)))
    if proto == "tcp":
        server.listen(64)
    print("ready", flush=True)
    while True:
        if proto == "tcp":
            connection, address = server.accept()
            with connection:
                connection.sendall(seen(address[0]))
        else:
            _, address = server.recvfrom(1024)
            server.sendto(seen(address[0]), address)


def seen(address: str) -> bytes:
    return f"seen {address.removeprefix('::ffff:')}".encode()


def ask(proto: str, host: str, port: str, source_port: str = "0") -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, KINDS[proto]) as client:
        client.settimeout(0.7)
        if source_port != "0":
            client.bind(("::" if ":" in host else "0.0.0.0", int(source_port)))
        try:
            client.connect((host, int(port)))
            if proto == "udp":
                client.send(b"?")
            print(client.recv(1024).decode())
        except OSError as error:
            print(f"failed: {type(error).__name__}")


def craft(interface: str, gateway_mac: str, source: str, port: str) -> None:
    """A UDP packet to 127.0.0.1:PORT of whoever has that MAC address."""
    payload = b"evil"
    udp = struct.pack("!HHHH", 9999, int(port), 8 + len(payload), 0) + payload
    header = struct.pack(
        "!BBHHHBBH4s4s",
        *(0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0),
        *(socket.inet_aton(source), socket.inet_aton("127.0.0.1")),
    )
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((interface, 0))
        own = raw.getsockname()[4]
        target = bytes.fromhex(gateway_mac.replace(":", ""))
        raw.send(target + own + b"\x08\x00" + header + udp)


def checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
