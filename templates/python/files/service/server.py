"""Listens, and stops without losing a request."""

import asyncio
import logging
import os
import signal
import socket
from types import FrameType

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service import telemetry
from service.app import create_app
from service.config import Config
from service.context import Context

log = logging.getLogger(__name__)


class Connection(HttpToolsProtocol):
    """One on which half a request has arrived is not idle: the answer closes it, and not the end of listening."""

    _begun = False

    def on_message_begin(self) -> None:
        """The first byte of a request came."""
        self._begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """From here on uvicorn knows that there is a request."""
        self._begun = False
        super().on_headers_complete()

    def shutdown(self) -> None:
        """Close what is idle."""
        if not self._begun:
            super().shutdown()


class Server(uvicorn.Server):
    """uvicorn that goes on answering for a while after SIGTERM.

    Kubernetes sends SIGTERM while its proxies still send requests here. So first say "not ready" and go on answering;
    when they have looked elsewhere, close the port, answer what is under way, and leave.
    """

    def __init__(self, context: Context, listening: socket.socket) -> None:
        """Serve the application on a port that is bound already."""
        super().__init__(
            uvicorn.Config(
                create_app(context),
                http=Connection,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                # Longer than a proxy in front keeps idle connections: the side that sends requests then closes them.
                timeout_keep_alive=95,
            )
        )
        self._context = context
        self._listening = listening

    def serve_until_stopped(self) -> None:
        """Serve; returns when a signal has stopped it."""
        self.run([self._listening])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, and say so."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        log.info("listening", extra={"port": self._listening.getsockname()[1]})

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """A signal came; it may have interrupted anything, so the loop takes it from here."""
        self._loop.call_soon_threadsafe(self._stop, signal.Signals(sig))

    def _stop(self, sig: signal.Signals) -> None:
        if self._context.draining:  # asked twice: no more waiting
            self.should_exit = self.force_exit = True
            return
        log.info("stopping", extra={"signal": sig.name})
        self._context.draining = True
        # Ctrl-C needs no delay: nobody is routed here.
        delay = self._context.config.shutdown_delay_ms / 1000 if sig is signal.SIGTERM else 0
        self._loop.call_later(delay, self._end)

    def _end(self) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening and let requests finish, for as long as they may."""
        try:
            async with asyncio.timeout(self._context.config.shutdown_timeout_ms / 1000):
                await super().shutdown(sockets)
        except TimeoutError:
            log.critical("requests took too long to finish")
            telemetry.stop()
            os._exit(1)  # one that runs in a thread cannot be stopped, and would keep the process


def listen(config: Config) -> socket.socket:
    """Bind the port, on IPv4 and IPv6 alike unless HOST says where.

    Raises:
        OSError: the port is taken, or the address is not this machine's.
    """
    if config.host is None and socket.has_dualstack_ipv6():
        listening = socket.create_server(("", config.port), family=socket.AF_INET6, dualstack_ipv6=True)
    else:
        family, *_, address = socket.getaddrinfo(config.host or "0.0.0.0", config.port, type=socket.SOCK_STREAM)[0]  # noqa: S104
        listening = socket.create_server(address[:2], family=family)
    # Connections inherit it. Without it, an answer of two packets waits 40 ms for the caller's acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
