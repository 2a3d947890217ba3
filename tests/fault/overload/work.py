"""What is asked in an overload, as the bytes of a request: each connection has a member of its own."""

from collections.abc import Callable

Work = Callable[[int, int], bytes]
"""The request that a connection (its number) makes as its so-manieth."""


def member(number: int) -> str:
    """The address of the member that a connection keeps."""
    return f"10.{number // 62500 % 250}.{number // 250 % 250}.{number % 250}"


def write(number: int, turn: int) -> bytes:
    """A commit of its own each time: the version says the turn."""
    body = b'{"version":"%d"}' % turn
    return (
        b"PUT /members/pms/%b HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (member(number).encode(), len(body), body)
    )


def read(number: int, turn: int) -> bytes:
    return b"GET /rev HTTP/1.1\r\nHost: localhost\r\n\r\n"


def nothing(number: int, turn: int) -> bytes:
    """What a server that does nothing is asked: 40 bytes, as long as a rev is."""
    return b"GET /40 HTTP/1.1\r\nHost: localhost\r\n\r\n"


def page(number: int, turn: int) -> bytes:
    return b"GET /members/pms?limit=100 HTTP/1.1\r\nHost: localhost\r\n\r\n"


def mixed(number: int, turn: int) -> bytes:
    """One write to seven single reads and two pages."""
    which = (number + turn) % 10
    return write(number, turn) if which == 0 else page(number, turn) if which < 3 else read(number, turn)


WORK: dict[str, Work] = {"writes": write, "reads": read, "mixed": mixed}
