"""The local driver's mount options, as mount(8) takes them, for mount(2). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address

RDONLY, NOSUID, NODEV, NOEXEC, SYNCHRONOUS, REMOUNT = 1, 2, 4, 8, 16, 32
MANDLOCK, DIRSYNC, NOATIME, NODIRATIME, BIND, REC = 64, 128, 1024, 2048, 4096, 16384
UNBINDABLE, PRIVATE, SLAVE, SHARED = 1 << 17, 1 << 18, 1 << 19, 1 << 20
RELATIME, STRICTATIME = 1 << 21, 1 << 24
PROPAGATIONS = UNBINDABLE | PRIVATE | SLAVE | SHARED

# Each flag with whether its word takes it away.
_WORDS: Mapping[str, tuple[bool, int]] = {
    "defaults": (False, 0),
    "ro": (False, RDONLY),
    "rw": (True, RDONLY),
    "suid": (True, NOSUID),
    "nosuid": (False, NOSUID),
    "dev": (True, NODEV),
    "nodev": (False, NODEV),
    "exec": (True, NOEXEC),
    "noexec": (False, NOEXEC),
    "sync": (False, SYNCHRONOUS),
    "async": (True, SYNCHRONOUS),
    "dirsync": (False, DIRSYNC),
    "remount": (False, REMOUNT),
    "mand": (False, MANDLOCK),
    "nomand": (True, MANDLOCK),
    "atime": (True, NOATIME),
    "noatime": (False, NOATIME),
    "diratime": (True, NODIRATIME),
    "nodiratime": (False, NODIRATIME),
    "bind": (False, BIND),
    "rbind": (False, BIND | REC),
    "unbindable": (False, UNBINDABLE),
    "runbindable": (False, UNBINDABLE | REC),
    "private": (False, PRIVATE),
    "rprivate": (False, PRIVATE | REC),
    "shared": (False, SHARED),
    "rshared": (False, SHARED | REC),
    "slave": (False, SLAVE),
    "rslave": (False, SLAVE | REC),
    "relatime": (False, RELATIME),
    "norelatime": (True, RELATIME),
    "strictatime": (False, STRICTATIME),
    "nostrictatime": (True, STRICTATIME),
}


def parse_options(text: str) -> tuple[int, str]:
    """Flags, and what is left for the file system."""
    flags, data = 0, []
    for option in text.split(","):
        clear, flag = _WORDS.get(option, (False, -1))
        if flag == -1:
            data += [option] if option else []
        else:
            flags = flags & ~flag if clear else flags | flag
    return flags, ",".join(data)


def host_to_resolve(kind: str, text: str) -> str:
    """The name in `addr=`, which the kernel only takes as an address; empty if there is none."""
    if kind not in ("nfs", "cifs"):
        return ""
    for option in text.split(","):
        name, _, value = option.partition("=")
        if name == "addr" and value and not _is_address(value):
            return value
    return ""


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def without_password(text: str, options: str) -> str:
    """An error's text with the password of the options blotted out."""
    for option in options.split(","):
        name, _, value = option.partition("=")
        if name == "password" and value:
            text = text.replace(f"password={value}", "password=********")
    return text
