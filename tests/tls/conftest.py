"""A service over TLS, and its authority."""

import ssl
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.access.holders import closed_service
from tests.serving import Service
from tests.tls.authority import Authority, Pair


class Site:
    """What a service over TLS needs: an authority, the service's certificate, a host's."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.authority = Authority(directory)
        self.server = self.authority.signed("server", "127.0.0.1", "localhost")
        self.host = self.authority.signed("box7", "10.0.0.7")
        self.other_host = self.authority.signed("box8", "10.0.0.8", "box8.example.com")

    def settings(self, **more: Any) -> dict[str, Any]:
        return {
            "tls_cert": self.server.cert,
            "tls_key": self.server.key,
            "tls_client_ca": str(self.authority.file),
            **more,
        }

    def serving(self, **more: Any) -> AbstractContextManager[Service]:
        """A service that needs a token, and takes certificates."""
        return closed_service(**self.settings(**more))

    def context(self, pair: Pair | None = None) -> ssl.SSLContext:
        """What a client that trusts the authority connects by, with a certificate or without."""
        context = ssl.create_default_context(cafile=self.authority.file)
        if pair is not None:
            context.load_cert_chain(*pair)
        return context

    def client(self, service: Service, pair: Pair | None = None) -> httpx2.Client:
        return httpx2.Client(base_url=service.url, verify=self.context(pair), timeout=30)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def secure(site: Site) -> Iterator[Service]:
    """A service shared by the tests of a file."""
    with site.serving() as service:
        service.runnable()
        yield service
