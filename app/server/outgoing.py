"""What goes out to one client: at its pace, and not for ever."""

import asyncio
import socket
import struct
from asyncio.events import TimerHandle


class Outgoing:
    """Writes to a connection. A client that takes nothing for `send_timeout` seconds is cut off: a handler
    that waits for it would hold its permit, and its memory, for ever.

    `congested` is whether the client has not taken what was written before. `write` and `write_all` are the
    transport's own: one part, or several in one call to the kernel.
    """

    __slots__ = (
        "_frozen",
        "_loop",
        "_send_timeout",
        "_transport",
        "_writable",
        "congested",
        "write",
        "write_all",
    )

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, send_timeout: float
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._send_timeout = send_timeout
        self.write, self.write_all = transport.write, transport.writelines
        self._writable: asyncio.Event | None = None
        self._frozen: TimerHandle | None = None
        self.congested = False

    async def drained(self) -> None:
        """Wait until the client has taken what was written, or has left."""
        if self._writable is not None:
            await self._writable.wait()

    def pause(self) -> None:
        """The client does not take what is sent."""
        if self._writable is None:
            self._writable = asyncio.Event()
            self.congested = True
        if self._frozen is None:
            self._frozen = self._loop.call_later(self._send_timeout, self.cut_off)

    def resume(self) -> None:
        """It does again, or is gone: nobody waits any longer."""
        if self._frozen is not None:
            self._frozen.cancel()
            self._frozen = None
        if self._writable is not None:
            self._writable.set()
            self._writable = None
            self.congested = False

    def cut_off(self) -> None:
        """Close without what was not sent: the kernel would keep it, and try on, for a quarter of an hour."""
        peer = self._transport.get_extra_info("socket")
        if peer is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
