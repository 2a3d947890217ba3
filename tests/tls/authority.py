"""An authority that signs certificates, for the tests of one directory."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM
DAY = timedelta(days=1)


class Pair(NamedTuple):
    """Files with a certificate and its key."""

    cert: str
    key: str


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general(host: str) -> x509.GeneralName:
    if host.startswith("mailto:"):
        return x509.RFC822Name(host.removeprefix("mailto:"))
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


class Authority:
    """`file` has its certificate. What it signs is valid for a day."""

    def __init__(self, directory: Path, name: str = "authority") -> None:
        self._directory = directory
        self._name = _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = (
            self._build(self._name, self._key, timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(True, False, False, False, False, True, True, False, False), critical=True
            )
            .sign(self._key, hashes.SHA256())
        )
        self.pem = self._certificate.public_bytes(PEM)
        self.file = directory / f"{name}.pem"
        self.file.write_bytes(self.pem)

    def _build(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, life: timedelta
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + life)
        )

    def signed(self, name: str, *hosts: str, life: timedelta = DAY, password: str | None = None) -> Pair:
        """A certificate whose SAN has these hosts (`mailto:`: an address of mail), in files of this name."""
        key = ec.generate_private_key(ec.SECP256R1())
        building = self._build(_name(name), key, life)
        if hosts:
            building = building.add_extension(
                x509.SubjectAlternativeName([_general(host) for host in hosts]), critical=False
            )
        made = building.sign(self._key, hashes.SHA256())
        sealing: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password is not None:
            sealing = serialization.BestAvailableEncryption(password.encode())
        pair = Pair(str(self._directory / f"{name}.crt"), str(self._directory / f"{name}.key"))
        Path(pair.cert).write_bytes(made.public_bytes(PEM))
        Path(pair.key).write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, sealing))
        return pair

    def revocations(self, *pairs: Pair) -> bytes:
        """A list that revokes these certificates, in PEM."""
        now = datetime.now(UTC)
        building = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._name)
            .last_update(now - DAY)
            .next_update(now + DAY)
        )
        for pair in pairs:
            serial = x509.load_pem_x509_certificate(Path(pair.cert).read_bytes()).serial_number
            building = building.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
            )
        return building.sign(self._key, hashes.SHA256()).public_bytes(PEM)
