"""Which services are trusted over TLS, and by which certificate a client shows itself."""

import ssl
from typing import Literal

import httpx2


def verification(
    url: str, ca: str | None = None, cert: str | None = None, key: str | None = None
) -> ssl.SSLContext | Literal[False]:
    """What connections to the URL are made by. `ca` is a file with the authorities that are trusted, in the
    place of the system's; `cert` and `key` are files with a client's certificate. All are PEM. Raises
    ValueError for files that are no good, and for a certificate without its key."""
    if bool(cert) != bool(key):
        raise ValueError("a client certificate needs its key, and a key its certificate")
    if not url.startswith("https://"):
        # Plain HTTP needs no authorities: to load them takes longer than most calls.
        return False
    try:
        context = ssl.create_default_context(cafile=ca) if ca else httpx2.create_ssl_context()
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"{ca} holds no certificate of an authority in PEM ({_why(error)})") from None
    if cert and key:
        try:
            # Nobody is there to be asked for a passphrase.
            context.load_cert_chain(cert, key, password=lambda: "")
        except (OSError, ssl.SSLError) as error:
            raise ValueError(
                f"{cert} and {key} are no certificate and key in PEM that belong together ({_why(error)})"
            ) from None
    return context


def _why(error: OSError) -> str:
    return str(getattr(error, "reason", None) or error.strerror or error)
