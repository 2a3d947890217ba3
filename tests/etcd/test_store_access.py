"""Getting into etcd: what is missing or wrong is said in one line that names the setting or the key."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.store.etcd.access import EtcdAccess
from app.store.open import open_store
from tests.etcd.certificates import Certificates
from tests.etcd.cluster import Cluster, free_port, until
from tests.etcd.replicas import replicas, store_url, until_ok
from tests.serving import APP, serving

PASSWORD = "open-sesame"


def _refused(**flags: str) -> str:
    """The one line that `visor serve` ends with."""
    given = [part for name, value in flags.items() for part in (f"--{name.replace('_', '-')}", value)]
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "serve", "--port", "0", "--log-level", "error", *given],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1, (done.returncode, done.stderr)
    (line,) = done.stderr.splitlines()
    assert line.startswith("visor: ")
    assert PASSWORD not in line
    return line


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("tls"))


NOWHERE = f"etcd://127.0.0.1:{free_port()}/visor"


def test_a_certificate_without_its_key_and_a_key_without_its_certificate(certificates: Certificates) -> None:
    line = _refused(store=NOWHERE, etcd_cert=str(certificates.client))
    assert "VISOR_ETCD_KEY is not" in line
    line = _refused(store=NOWHERE, etcd_key=str(certificates.client_key))
    assert "VISOR_ETCD_CERT is not" in line


def test_files_that_are_not_what_they_should_be(certificates: Certificates, tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("this is no PEM")
    client, key = str(certificates.client), str(certificates.client_key)
    assert "VISOR_ETCD_CA" in _refused(store=NOWHERE, etcd_ca=str(nonsense))
    assert "VISOR_ETCD_CA" in _refused(store=NOWHERE, etcd_ca=str(tmp_path / "missing.pem"))
    for cert, its_key in (
        (str(nonsense), key),
        (client, str(nonsense)),
        (client, str(certificates.server_key)),
    ):
        line = _refused(store=NOWHERE, etcd_cert=cert, etcd_key=its_key)
        assert "belong together" in line


def test_tls_is_written_before_each_host(certificates: Certificates, tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, certificates=certificates).start()
    try:
        with serving(
            store=f"etcd://https://{cluster.endpoints[0]}/visor",
            etcd_ca=str(certificates.ca),
            etcd_cert=str(certificates.client),
            etcd_key=str(certificates.client_key),
        ) as visor:
            visor.made("/apps", APP)
    finally:
        cluster.stop()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Cluster]:
    """An etcd that lets nobody in but its users, of whom `visor` has a role that was granted no key."""
    cluster = Cluster(tmp_path, args=["--bcrypt-cost", "4"]).start()
    cluster.ctl("user", "add", f"visor:{PASSWORD}")
    cluster.ctl("role", "add", "registry")
    cluster.ctl("user", "grant-role", "visor", "registry")
    cluster.enable_auth(PASSWORD)
    yield cluster
    cluster.stop()


def test_refused_permissions_say_which_keys_are_wanted(guarded: Cluster) -> None:
    url = store_url(guarded.endpoints, "visor")
    assert "VISOR_ETCD_USER" in _refused(store=url)
    assert "VISOR_ETCD_PASSWORD" in _refused(store=url, etcd_user="visor", etcd_password="wrong")
    access = {"etcd_user": "visor", "etcd_password": PASSWORD}
    # The slash is what is taken for the prefix first.
    guarded.ctl("role", "grant-permission", "registry", "--prefix=true", "readwrite", "/visor/")
    line = _refused(store=url, **access)
    assert "`visor/`" in line
    assert "readwrite visor/" in line
    assert "does not answer" not in line
    guarded.ctl("role", "grant-permission", "registry", "--prefix=true", "readwrite", "visor/")
    with replicas(guarded.endpoints, "visor", 1, **access) as (visor,):
        visor.made("/apps", APP)
        guarded.ctl("role", "revoke-permission", "registry", "--prefix=true", "visor/")
        until(lambda: "readwrite visor/" in visor.get("/readyz").text, "it is said while it is served too")
        refused = visor.put("/apps/cat/env/a", {"value": "1"})
        assert refused.status_code == 503
        assert "NotDone" not in refused.text
        guarded.ctl("role", "grant-permission", "registry", "--prefix=true", "readwrite", "visor/")
        until_ok(lambda: visor.get("/readyz"))
        until_ok(lambda: visor.put("/apps/cat/env/a", {"value": "1"}))


@pytest.mark.parametrize(
    ("url", "access", "warned"),
    [
        ("etcd://10.0.0.1:2379/visor", {"user": "root", "password": PASSWORD}, True),
        ("etcd://https://10.0.0.1:2379/visor", {"user": "root", "password": PASSWORD}, False),
        ("etcd://10.0.0.1:2379/visor", {}, False),
    ],
)
def test_a_password_that_goes_over_the_network_in_clear_is_a_warning(
    caplog: pytest.LogCaptureFixture, url: str, access: dict[str, str], warned: bool
) -> None:
    open_store(url, lambda key, value: (), history=10, memory_revs=10, access=EtcdAccess(**access))
    assert ("VISOR_ETCD_PASSWORD goes to etcd in clear" in caplog.text) is warned
    assert PASSWORD not in caplog.text
