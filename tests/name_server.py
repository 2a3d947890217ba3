"""A name server for tests: real packets on a real socket, and names that say how they are answered."""

import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

A, AAAA = 1, 28
_NO_ERROR, _SERVER_FAILURE, _NO_SUCH_NAME = 0, 2, 3


class NameServer:
    """Answers by how a name begins: `slow` never; `broken` with a failure; `none` that there is no such name;
    `empty` without an address; `six` with an IPv6 address alone; any other with 10.0.0.9 and an IPv6 one.
    `asked` counts the questions for each name. While `silent` it answers nothing."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.asked: Counter[str] = Counter()
        self.silent = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.close()

    def _run(self) -> None:
        while True:
            try:
                packet, client = self._socket.recvfrom(4096)
            except OSError:
                return
            answer = self._answer(packet)
            if answer is not None:
                self._socket.sendto(answer, client)

    def _answer(self, packet: bytes) -> bytes | None:
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1 : at + 1 + packet[at]].decode())
            at += 1 + packet[at]
        name = ".".join(labels).lower()
        (kind,) = struct.unpack(">H", packet[at + 1 : at + 3])
        question = packet[12 : at + 5]
        self.asked[name] += 1
        if self.silent or name.startswith("slow"):
            return None
        code = _SERVER_FAILURE if name.startswith("broken") else _NO_ERROR
        code = _NO_SUCH_NAME if name.startswith("none") else code
        records = b"" if code or name.startswith("empty") else self._record(name, kind)
        head = packet[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, bool(records), 0, 0)
        return head + question + records

    @staticmethod
    def _record(name: str, kind: int) -> bytes:
        if kind == A and not name.startswith("six"):
            data = socket.inet_aton("10.0.0.9")
        elif kind == AAAA:
            data = socket.inet_pton(socket.AF_INET6, "2001:db8::9")
        else:
            return b""
        return struct.pack(">HHHIH", 0xC00C, kind, 1, 60, len(data)) + data


@contextmanager
def name_server() -> Iterator[NameServer]:
    server = NameServer()
    try:
        yield server
    finally:
        server.close()
