"""Ports of this machine's own address: whether one is free, and one that is."""

from __future__ import annotations

import errno
import socket

LOOPBACK = "127.0.0.1"


def port_is_free(port: int) -> bool:
    """Whether this port of 127.0.0.1 could be had; a privileged one counts as free, as Docker may take it."""
    with socket.socket() as caller:
        caller.settimeout(1)
        if caller.connect_ex((LOOPBACK, port)) == 0:
            return False
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection that just ended is no holder
        try:
            listener.bind((LOOPBACK, port))
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True


def any_free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]
