"""What the server gives the application with a request, as a fourth argument beside those of ASGI."""

from app.http.certificate import Certificate
from app.http.clients import Peer
from app.http.permits import Permit
from app.http.responses import RawHeaders


class Given:
    """`permit`: the request's, taken when its headers had come. `body`: all of it, where it is there already
    and short; it can be received as well. `certificate`: the client's, where it has shown one. `peer`: the
    other side of the connection. Another server than ours gives none of them."""

    __slots__ = ("body", "certificate", "peer", "permit")

    def __init__(
        self,
        permit: Permit | None = None,
        certificate: Certificate | None = None,
        peer: Peer | None = None,
    ) -> None:
        self.permit = permit
        self.certificate = certificate
        self.peer = peer
        self.body: bytes | None = None

    def answer_whole(self, status: int, headers: RawHeaders, body: bytes) -> bool:
        """Answer with a status, headers and a body whose length they tell, in one call to the kernel; False,
        with nothing said, where it has to be sent piece by piece."""
        return False
