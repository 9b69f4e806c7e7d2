"""libnftables by ctypes: text commands in, each buffer one transaction; listings out as JSON."""

from __future__ import annotations

import ctypes
import ctypes.util
import threading
from typing import Any

import msgspec

from engine.errors import SystemFailure, Unavailable

_JSON = 1 << 4
_STATELESS = 1 << 2
_HANDLE = 1 << 3
_NUMERIC = 0b1111 << 7  # protocols, priorities, symbols, times: never a name from /etc/services
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "nft_ctx_new": (ctypes.c_void_p, [ctypes.c_uint32]),
    "nft_ctx_free": (None, [ctypes.c_void_p]),
    "nft_ctx_buffer_output": (ctypes.c_int, [ctypes.c_void_p]),
    "nft_ctx_buffer_error": (ctypes.c_int, [ctypes.c_void_p]),
    "nft_ctx_get_output_buffer": (ctypes.c_char_p, [ctypes.c_void_p]),
    "nft_ctx_get_error_buffer": (ctypes.c_char_p, [ctypes.c_void_p]),
    "nft_ctx_output_set_flags": (None, [ctypes.c_void_p, ctypes.c_uint]),
    "nft_run_cmd_from_buffer": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p]),
}


class NftError(SystemFailure):
    """libnftables refused a command; nothing of its buffer was applied."""


def _load() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(ctypes.util.find_library("nftables") or "libnftables.so.1")
    except OSError as error:
        raise Unavailable(f"libnftables is not installed: {error}") from error
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library


class Nft:
    """One libnftables context, for the network namespace of the thread that makes it.

    Every call blocks; calls from several threads take turns.
    """

    def __init__(self) -> None:
        self._library = _load()
        self._context = self._library.nft_ctx_new(0)
        if not self._context:
            raise SystemFailure("libnftables gave no context")
        self._library.nft_ctx_buffer_output(self._context)
        self._library.nft_ctx_buffer_error(self._context)
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            if self._context:
                self._library.nft_ctx_free(self._context)
                self._context = None

    def run(self, commands: str) -> None:
        """All of the commands or none."""
        self._call(commands, 0)

    def listing(self, command: str) -> list[dict[str, Any]]:
        """The objects of a `list` command, with handles and without counters."""
        text = self._call(command, _JSON | _HANDLE | _STATELESS | _NUMERIC)
        if not text:
            return []
        found: list[dict[str, Any]] = msgspec.json.decode(text)["nftables"]
        return found

    def _call(self, commands: str, flags: int) -> bytes:
        with self._lock:
            if not self._context:
                raise Unavailable("the firewall is closed")
            self._library.nft_ctx_output_set_flags(self._context, flags)
            failed = self._library.nft_run_cmd_from_buffer(self._context, commands.encode())
            output: bytes = self._library.nft_ctx_get_output_buffer(self._context) or b""
            error: bytes = self._library.nft_ctx_get_error_buffer(self._context) or b""
        if failed:
            raise NftError(f"nft: {_first_line(error)}")
        return output


def _first_line(error: bytes) -> str:
    text = error.decode(errors="replace").strip()
    return text.splitlines()[0] if text else "refused without a reason"
