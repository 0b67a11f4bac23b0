"""Whose connection it is: the operating-system user at the other end of a loopback connection.

Browsers send a cookie to every port of a host, so another user's server on this machine can learn
it. It is of no use to them: a session goes on only for the user who began it.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from pathlib import Path

_TABLE = Path("/proc/net/tcp")
_LOCAL, _REMOTE, _UID = 1, 2, 7


def user_of(client: tuple[str, int] | None, server: tuple[str, int] | None) -> int | None:
    """The user id of the process that connected; None if the system keeps no table of them."""
    if client is None or server is None:
        return None
    with contextlib.suppress(OSError, ValueError, struct.error):
        wanted = (_as_in_table(client), _as_in_table(server))
        with _TABLE.open() as table:
            next(table)
            for row in map(str.split, table):
                if (row[_LOCAL], row[_REMOTE]) == wanted:
                    return int(row[_UID])
    return None


def _as_in_table(address: tuple[str, int]) -> str:
    """`127.0.0.1`, 3000 -> `0100007F:0BB8` on a little-endian machine."""
    (number,) = struct.unpack("=I", socket.inet_aton(address[0]))
    return f"{number:08X}:{address[1]:04X}"
