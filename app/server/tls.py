"""TLS: the service's certificate, and whose clients' certificates it takes, from files that are read again
while it serves."""

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Callable
from pathlib import Path

from app.errors import StartError

logger = logging.getLogger(__name__)

CRL = b"-----BEGIN X509 CRL-----"

FILES = ("VISOR_TLS_CERT (--tls-cert)", "VISOR_TLS_KEY (--tls-key)", "VISOR_TLS_CLIENT_CA (--tls-client-ca)")


class Tls:
    """What a server presents and whom it trusts, as of the last reading of its files.

    `cert` is a file with the certificate and those that it is signed by, `key` one with its key, `client_ca`
    one with the authorities of clients' certificates, and their revocation lists where there are any. All are
    PEM. `trust` is another object once other clients are trusted than before. Raises StartError.
    """

    def __init__(self, cert: str, key: str, client_ca: str | None = None) -> None:
        self._cert, self._key, self._client_ca = cert, key, client_ca
        self._trusted = self._read_client_ca()
        self.trust = object()
        self.turns = HandshakeTurns()
        self.context = self._load(self._trusted)

    @classmethod
    def of(cls, cert: str | None, key: str | None, client_ca: str | None = None) -> "Tls | None":
        """None where no file is given. Raises StartError; also where only some are."""
        if cert is None and key is None:
            if client_ca is not None:
                raise StartError(
                    f"{FILES[2]} is set, but clients show certificates over TLS only: set "
                    f"{FILES[0]} and {FILES[1]} too"
                )
            return None
        if cert is None or key is None:
            given, missing = (FILES[1], FILES[0]) if cert is None else FILES[:2]
            raise StartError(f"{given} is set and {missing} is not: TLS needs both")
        return cls(cert, key, client_ca)

    def reload(self) -> bool:
        """Read the files again, for connections that are made from now on. True where other clients are
        trusted now. Raises StartError where the files are no good: what was read before stays."""
        trusted = self._read_client_ca()
        self.context = self._load(trusted)
        logger.info("the certificate is read again from %s", self._cert)
        if trusted == self._trusted:
            return False
        self._trusted, self.trust = trusted, object()
        return True

    def _read_client_ca(self) -> bytes | None:
        return None if self._client_ca is None else _read(FILES[2], self._client_ca)

    def _load(self, trusted: bytes | None) -> ssl.SSLContext:
        for name, path in zip(FILES, (self._cert, self._key), strict=False):
            _read(name, path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        context.set_alpn_protocols(["http/1.1"])
        try:
            # A key with a passphrase could not be used: nobody is there to be asked.
            context.load_cert_chain(self._cert, self._key, password=lambda: "")
        except (ssl.SSLError, ValueError, OSError) as error:
            raise StartError(
                f"{FILES[0]}, {self._cert}, and {FILES[1]}, {self._key}, are no certificate and key in PEM "
                f"that belong together ({_why(error)})"
            ) from None
        if self._client_ca is not None and trusted is not None:
            self._trust(context, self._client_ca, trusted)
        return context

    def _trust(self, context: ssl.SSLContext, file: str, content: bytes) -> None:
        """Have the context ask clients for a certificate. One without may ask too: with a token."""
        try:
            context.load_verify_locations(file)
        except (ssl.SSLError, OSError) as error:
            raise StartError(f"{FILES[2]}, {file}, holds no certificate in PEM ({_why(error)})") from None
        context.verify_mode = ssl.CERT_OPTIONAL
        if CRL in content:
            context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF


def _read(name: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise StartError(f"{name}, {path}, cannot be read: {getattr(error, 'strerror', error)}") from None


def _why(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error)


class HandshakeTurns:
    """Steps of handshakes, one in each turn of the event loop: each may take a millisecond for its signature,
    and when thousands connect at once those who are connected are served in between."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()

    def add(self, step: Callable[[], None]) -> None:
        """Have a step taken in its turn."""
        self._waiting.append(step)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._take)

    def _take(self) -> None:
        step = self._waiting[0]
        try:
            step()
        finally:
            self._waiting.popleft()
            if self._waiting:
                asyncio.get_running_loop().call_soon(self._take)
