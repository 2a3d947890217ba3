"""SIGHUP has the files of TLS read again: by the service as it is run, while it is asked."""

import shutil
import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.cli import healthy
from app.errors import StartError
from app.models.token import new_id, new_token, sha256_of
from app.server.tls import Tls
from tests.cli.running import started
from tests.etcd.cluster import Cluster, free_port, until
from tests.fault.visor_process import Serving, Starts, starting
from tests.serving import Service, serving
from tests.tls.authority import Authority, Pair
from tests.tls.conftest import Site

ROOT = new_token(new_id())
HEADERS = {"Authorization": f"Bearer {ROOT}"}


@pytest.fixture
def files(site: Site, tmp_path: Path) -> dict[str, str]:
    """The settings of a service whose files are the test's own."""
    for given, name in ((site.server.cert, "crt"), (site.server.key, "key"), (site.authority.file, "ca")):
        shutil.copy(given, tmp_path / name)
    return {
        "tls_cert": str(tmp_path / "crt"),
        "tls_key": str(tmp_path / "key"),
        "tls_client_ca": str(tmp_path / "ca"),
        "admin_token_sha256": sha256_of(ROOT),
        "log_level": "info",
    }


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starts]:
    with starting(tmp_path / "visor.db") as start:
        yield start


def put(pair: Pair, files: dict[str, str]) -> None:
    shutil.copy(pair.cert, files["tls_cert"])
    shutil.copy(pair.key, files["tls_key"])


def shown(port: int) -> str:
    """The serial number of the certificate that a new connection is shown."""
    pem = ssl.get_server_certificate(("127.0.0.1", port), timeout=60)
    return str(ssl.PEM_cert_to_DER_cert(pem))


def reloaded(visor: Service) -> bool:
    """Have it do what SIGHUP does; whether it trusts others as clients now."""

    async def reload() -> bool:
        assert visor.tls is not None
        if others := visor.tls.reload():
            visor.server.retire_certified()
        return others

    return visor.inside(reload())


def lets_in(client: httpx2.Client) -> bool:
    """Whether it is served; a certificate that is revoked is not even connected."""
    try:
        return client.get("/apps").status_code == 200
    except httpx2.TransportError:
        return False


class Asker(threading.Thread):
    """Asks and asks, by a new connection each time or by one that stays; what failed is kept."""

    def __init__(self, site: Site, visor: Serving, *, keeps: bool) -> None:
        super().__init__(daemon=True)
        self._site, self._visor, self._keeps = site, visor, keeps
        self.stop = threading.Event()
        self.asked = 0
        self.failed: list[str] = []

    def run(self) -> None:
        limits = httpx2.Limits() if self._keeps else httpx2.Limits(max_keepalive_connections=0)
        with httpx2.Client(verify=self._site.context(), limits=limits, timeout=30) as client:
            while not self.stop.is_set():
                try:
                    status = client.get(f"{self._visor.url}/apps", headers=HEADERS).status_code
                except httpx2.HTTPError as error:
                    status = repr(error)  # type: ignore[assignment]
                self.asked += 1
                if status != 200:
                    self.failed.append(str(status))


def test_sighup_shows_a_new_certificate_keeps_the_old_one_where_that_is_no_good_and_loses_no_request(
    site: Site, files: dict[str, str], start: Starts
) -> None:
    visor = start(**files)
    first = shown(visor.port)
    shutil.copy(site.host.key, files["tls_key"])  # of another certificate
    visor.signal(signal.SIGHUP)
    until(lambda: "what was read before stays in use" in visor.said, "it is said", 30)
    assert "VISOR_TLS_KEY (--tls-key)" in visor.said
    assert shown(visor.port) == first
    askers = [Asker(site, visor, keeps=keeps) for keeps in (True, False)]
    for asker in askers:
        asker.start()
    for n in range(2):
        before, asked = shown(visor.port), [asker.asked for asker in askers]
        put(site.authority.signed(f"renewed-{n}", "127.0.0.1", "localhost"), files)
        visor.signal(signal.SIGHUP)
        until(lambda before=before: shown(visor.port) != before, "the new one is shown", 30)
        until(
            lambda asked=asked: all(a.asked > n + 3 for a, n in zip(askers, asked, strict=True)),
            "it is asked on",
            30,
        )
    for asker in askers:
        asker.stop.set()
        asker.join(30)
        assert asker.failed == []
    assert visor.terminate() == 0


def test_an_authority_that_is_no_longer_trusted_ends_its_hosts_at_the_reload(
    site: Site, files: dict[str, str], tmp_path: Path
) -> None:
    """Connections that are open too: revocation does not wait for a host to come again. What is begun is
    answered."""
    other = Authority(tmp_path, "other")
    old, new = site.host, other.signed("box9", "10.0.0.9")
    ca = Path(files["tls_client_ca"])
    ca.write_bytes(site.authority.pem + other.pem)
    with (
        serving(**files) as visor,
        httpx2.Client(verify=site.context(old), base_url=visor.url, timeout=60) as before,
        httpx2.Client(verify=site.context(new), base_url=visor.url, timeout=60) as stays,
    ):
        assert before.get("/apps").status_code == stays.get("/apps").status_code == 200
        waited: list[httpx2.Response] = []
        claim = {"host": "10.0.0.7", "wait": 60}
        waiting = threading.Thread(target=lambda: waited.append(before.post("/instances/claim", json=claim)))
        waiting.start()
        until(lambda: visor.context.capacity.subscribers == 1, "it waits", 30)
        with before.stream("GET", "/events") as stream:
            ca.write_bytes(other.pem)
            assert reloaded(visor)
            assert b"".join(stream.iter_raw()).endswith(b"\n\n"), "a stream ends whole"
        waiting.join(30)
        assert waited[0].status_code == 204, "a wait as if its time were over"
        with pytest.raises(httpx2.TransportError):
            before.get("/apps")
        assert stays.get("/apps").status_code == 200


def test_a_handshake_that_is_under_way_at_the_reload_does_not_outlive_its_authority(
    site: Site, files: dict[str, str], tmp_path: Path
) -> None:
    """It is verified by what was trusted when it began: nothing that comes by it is answered."""
    other = Authority(tmp_path, "another")
    ca = Path(files["tls_client_ca"])
    ca.write_bytes(site.authority.pem + other.pem)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = site.context(site.host).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with serving(**files) as visor, socket.create_connection(("127.0.0.1", visor.port), 30) as line:
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                line.sendall(outgoing.read())
                incoming.write(line.recv(65536))
        # The service waits for the certificate, which stands in what is not sent yet.
        ca.write_bytes(other.pem)
        assert reloaded(visor)
        client.write(b"GET /apps HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        line.sendall(outgoing.read())
        while data := line.recv(65536):
            incoming.write(data)
        incoming.write_eof()
        try:
            answer = client.read(65536)
        except ssl.SSLError:  # cut off
            answer = b""
        assert answer == b""


def test_one_host_is_revoked_by_a_list_in_the_file_of_the_authority(
    site: Site, files: dict[str, str]
) -> None:
    with (
        serving(**files) as visor,
        httpx2.Client(verify=site.context(site.host), base_url=visor.url, timeout=60) as revoked,
        httpx2.Client(verify=site.context(site.other_host), base_url=visor.url, timeout=60) as stays,
    ):
        assert revoked.get("/apps").status_code == 200
        Path(files["tls_client_ca"]).write_bytes(site.authority.pem + site.authority.revocations(site.host))
        assert reloaded(visor)
        until(lambda: not lets_in(revoked), "it is out", 30)
        assert stays.get("/apps").status_code == 200


def test_every_worker_reads_them_again(
    site: Site, files: dict[str, str], etcd: Cluster, tmp_path: Path
) -> None:
    flags = {**files, "workers": "2", "port": str(port := free_port())}
    flags["store"] = f"etcd://{etcd.endpoints[0]}{tmp_path}"
    words = [word for name, value in flags.items() for word in (f"--{name.replace('_', '-')}", value)]
    log = tmp_path / "log"
    with log.open("wb") as out, started("serve", *words, stderr=out) as visor:
        try:
            until(lambda: log.read_text().count("listens at") == 2, "both serve", 180)
            before = shown(port)
            put(site.authority.signed("renewed", "127.0.0.1", "localhost"), files)
            visor.send_signal(signal.SIGHUP)
            until(lambda: log.read_text().count("is read again") == 2, "both have read it", 180)
            assert before not in {shown(port) for _ in range(10)}
        finally:
            visor.terminate()
            assert visor.wait(60) == 0, log.read_text()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"tls_key": None}, ["VISOR_TLS_CERT (--tls-cert) is set", "VISOR_TLS_KEY (--tls-key) is not"]),
        ({"tls_cert": None}, ["VISOR_TLS_KEY (--tls-key) is set", "VISOR_TLS_CERT (--tls-cert) is not"]),
        ({"tls_cert": None, "tls_key": None}, ["VISOR_TLS_CLIENT_CA (--tls-client-ca) is set"]),
        ({"tls_cert": "/absent"}, ["VISOR_TLS_CERT (--tls-cert), /absent, cannot be read"]),
        ({"tls_key": "other"}, ["belong together"]),
        ({"tls_key": "sealed"}, ["belong together"]),
        ({"tls_cert": "text"}, ["no certificate and key in PEM"]),
        ({"tls_client_ca": "text"}, ["VISOR_TLS_CLIENT_CA (--tls-client-ca)", "no certificate in PEM"]),
        ({"tls_client_ca": "/absent"}, ["VISOR_TLS_CLIENT_CA (--tls-client-ca), /absent, cannot be read"]),
    ],
)
def test_files_that_cannot_serve_are_one_line_at_the_start(
    site: Site, files: dict[str, str], tmp_path: Path, wrong: dict[str, Any], named: list[str]
) -> None:
    (tmp_path / "text").write_text("no PEM\n")
    made = {
        "other": site.host.key,
        "sealed": site.authority.signed("sealed", "localhost", password="secret").key,
        "text": str(tmp_path / "text"),
    }
    given = {**files, **{name: made.get(value, value) for name, value in wrong.items()}}
    if "sealed" in wrong.values():
        given["tls_cert"] = given["tls_key"].removesuffix(".key") + ".crt"
    with pytest.raises(StartError) as refusal:
        Tls.of(given["tls_cert"], given["tls_key"], given["tls_client_ca"])
    line = str(refusal.value)
    assert "\n" not in line
    for words in named:
        assert words in line


def test_the_health_check_of_the_image_asks_over_tls(files: dict[str, str]) -> None:
    with serving(**files) as visor:
        assert healthy.main(["visor", "serve", "--port", str(visor.port), "--tls-cert", "x"]) == 0
