"""A proxy between a client and a service that does what networks do: it cuts, and loses answers."""

import socket
import threading
from contextlib import suppress

_METHODS = (b"GET ", b"POST ", b"PUT ", b"PATCH ", b"DELETE ")


class Relay:
    """Accepts connections for a service, each answered in a thread of its own by `_pass`."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        raise NotImplementedError

    def cut(self) -> None:
        """End the connections that are open."""
        while self._open:
            with suppress(OSError):
                self._open.pop().shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()
        self.cut()


class LossyProxy(Relay):
    """Each connection passes on what comes. `lose` is how many answers are yet to be lost: the service has
    answered, and the connection is closed in place of the answer. `refusals` are answers to be given in
    its place."""

    def __init__(self, port: int) -> None:
        self.lose = 0
        self.refusals: list[bytes] = []
        self.asked = 0
        super().__init__(port)
        self.url = f"http://127.0.0.1:{self.port}"

    def _pass(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self._upstream)) as upstream:
            self._open += [client, upstream]
            threading.Thread(target=self._back, args=(client, upstream), daemon=True).start()
            refused = False
            while part := client.recv(65536):
                if part.startswith(_METHODS):
                    self.asked += 1
                    refused = bool(self.refusals)
                    if refused:
                        client.sendall(self.refusals.pop(0))
                if not refused:
                    upstream.sendall(part)

    def _back(self, client: socket.socket, upstream: socket.socket) -> None:
        with suppress(OSError):
            while part := upstream.recv(65536):
                if self.lose:
                    self.lose -= 1
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(part)


def refusal(status: str, *headers: str, body: str = "<html>busy</html>", type: str = "text/html") -> bytes:
    """An answer as a proxy gives it; the connection stays open."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", f"Content-Type: {type}", *headers]
    return "\r\n".join([*lines, "", body]).encode()
