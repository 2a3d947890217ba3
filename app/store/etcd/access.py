"""How an etcd is named and got into: the store's URL, user and password, and files for TLS."""

import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from app.errors import StartError

logger = logging.getLogger(__name__)

_FORM = (
    "store: write `etcd://host:2379,host:2379/prefix`, with `https://` before each host for TLS "
    "(`etcd://https://host:2379/prefix`); user and password have settings of their own"
)


@dataclass(frozen=True, slots=True)
class EtcdAccess:
    """User and password, and files for TLS."""

    user: str = ""
    password: str = ""
    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    @property
    def tls(self) -> bool:
        return any((self.ca, self.cert, self.key))

    def check(self) -> None:
        """Raises StartError where the files are not what TLS needs: gRPC would end the process, or try for
        ever."""
        if bool(self.cert) != bool(self.key):
            given, missing = ("CERT", "KEY") if self.cert else ("KEY", "CERT")
            raise StartError(
                f"VISOR_ETCD_{given} is set and VISOR_ETCD_{missing} is not: a client certificate needs both"
            )
        for name, path in (("CA", self.ca), ("CERT", self.cert), ("KEY", self.key)):
            try:
                if path:
                    Path(path).read_bytes()
            except OSError as error:
                raise StartError(f"VISOR_ETCD_{name} cannot be read: {error}") from None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            if self.ca:
                context.load_verify_locations(self.ca)
        except ssl.SSLError as error:
            raise StartError(
                f"VISOR_ETCD_CA ({self.ca}) holds no certificate in PEM ({error.reason})"
            ) from None
        try:
            if self.cert and self.key:
                # A key with a passphrase could not be used: nobody is there to be asked.
                context.load_cert_chain(self.cert, self.key, password=lambda: "")
        except (ssl.SSLError, ValueError) as error:
            raise StartError(
                f"VISOR_ETCD_CERT ({self.cert}) and VISOR_ETCD_KEY ({self.key}) are no certificate and key "
                f"in PEM that belong together ({getattr(error, 'reason', error)})"
            ) from None

    def warn(self, endpoints: Sequence[str]) -> None:
        """Say so where the password would go over the network in clear."""
        if (
            self.password
            and not self.tls
            and not all(endpoint.startswith("https://") for endpoint in endpoints)
        ):
            logger.warning(
                "VISOR_ETCD_PASSWORD goes to etcd in clear: whoever is on the way can read it, with all that"
                " is kept. Set VISOR_ETCD_CA, or write https:// before each host of VISOR_STORE"
            )


class EtcdPlace(NamedTuple):
    """What the store's URL names: endpoints as URLs or `host:port`, and the path of the prefix."""

    endpoints: list[str]
    path: str


def place_of(url: str, access: EtcdAccess) -> EtcdPlace:
    """`etcd://h1:2379,h2:2379/visor`, where each host may have `http://` or `https://` before it. Raises
    StartError."""
    rest = url.removeprefix("etcd://")
    *hosts, last = rest.split(",")
    scheme, mark, tail = last.rpartition("://")
    host, slash, path = tail.partition("/")
    endpoints = [endpoint for endpoint in (*hosts, scheme + mark + host) if endpoint]
    schemes = {endpoint.rpartition("://")[0] for endpoint in endpoints}
    names = [endpoint.rpartition("://")[2] for endpoint in endpoints]
    if (
        rest == url
        or not endpoints
        or not all(names)
        or any(set("@/?#") & set(name) for name in names)
        or set("?#") & set(path)
        or not schemes <= {"", "http", "https"}
    ):
        raise StartError(_FORM)
    if len(schemes) > 1 and "https" in schemes:
        raise StartError("store: of the hosts of an `etcd:` URL all are `https://`, or none is")
    if "http" in schemes and access.tls:
        raise StartError("store: VISOR_ETCD_CA, _CERT and _KEY mean TLS: write `https://` for `http://`")
    return EtcdPlace(endpoints, slash + path)
