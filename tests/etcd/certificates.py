"""A certificate authority of one test, with a certificate for the server and one for a client."""

import subprocess
from pathlib import Path


class Certificates:
    """Made by `openssl`, valid for a day, for 127.0.0.1 and localhost."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.ca, self._ca_key = directory / "ca.pem", directory / "ca.key"
        self._make("req", "-x509", "-out", self.ca, "-keyout", self._ca_key, "-subj", "/CN=test-ca")
        self.server, self.server_key = self._signed("server")
        self.client, self.client_key = self._signed("client")

    def _make(self, command: str, *args: str | Path) -> None:
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1")
        self._run(command, *key, *args)

    def _run(self, *args: str | Path) -> None:
        subprocess.run(["openssl", *args], capture_output=True, check=True)

    def _signed(self, name: str) -> tuple[Path, Path]:
        certificate, key = self._directory / f"{name}.pem", self._directory / f"{name}.key"
        request, extensions = self._directory / f"{name}.csr", self._directory / f"{name}.ext"
        extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        self._make("req", "-new", "-out", request, "-keyout", key, "-subj", f"/CN={name}")
        authority = ("-CA", self.ca, "-CAkey", self._ca_key, "-CAcreateserial", "-days", "1")
        self._run("x509", "-req", "-in", request, *authority, "-extfile", extensions, "-out", certificate)
        return certificate, key

    def server_flags(self) -> list[str]:
        """etcd's flags: TLS, and no client without a certificate of this authority."""
        files = {"cert": self.server, "key": self.server_key, "trusted-ca": self.ca}
        return [f"--{name}-file={path}" for name, path in files.items()] + ["--client-cert-auth"]
