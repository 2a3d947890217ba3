"""The keys that secrets are sealed with: a file that only the service may read.

Each line of the file is a key's id and its 32 bytes in base64. The first key seals; every key opens. A
sealed value is `v1.<key id>.<nonce>.<ciphertext>`, AES-256-GCM, and is bound to the name under which it
is kept: it opens nowhere else.
"""

import binascii
import hashlib
import hmac
import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import StartError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12

_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}\Z")
_SEALED = re.compile(r"v1\.([A-Za-z0-9_-]{1,32})\.([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{22,})\Z")
"""The form of a sealed value: its groups are key id, nonce and ciphertext."""


class KeyMissing(Exception):
    """The keyring does not have the key that is needed. `key_id` is None where any key would do."""

    def __init__(self, key_id: str | None = None) -> None:
        super().__init__(f"the key {key_id} is missing" if key_id else "there is no key")
        self.key_id = key_id


class NotSealedHere(Exception):
    """What is kept was sealed for another name, or was altered, or is no sealed value."""


class Keyring:
    """Seals, opens and fingerprints secrets. Without keys it does none of that."""

    def __init__(self, keys: Mapping[str, bytes] | None = None) -> None:
        self._keys = dict(keys or {})
        self._ciphers: dict[str, AESGCM] = {}

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of all keys; the first is the one that seals."""
        return tuple(self._keys)

    @property
    def sealing(self) -> str:
        """The id of the key that seals. Raises KeyMissing."""
        for key_id in self._keys:
            return key_id
        raise KeyMissing

    def take(self, other: "Keyring") -> None:
        """Have the keys of the other from now on."""
        self._keys, self._ciphers = other._keys, other._ciphers

    def seal(self, name: str, value: str) -> str:
        """The value, to be kept under the name. Raises KeyMissing."""
        key_id = self.sealing
        nonce = os.urandom(NONCE_BYTES)
        ciphertext = self._cipher(key_id).encrypt(nonce, value.encode(), name.encode())
        return f"v1.{key_id}.{_text(nonce)}.{_text(ciphertext)}"

    def open(self, name: str, sealed: str) -> str:
        """The value that is kept under the name. Raises KeyMissing, NotSealedHere."""
        from cryptography.exceptions import InvalidTag

        parts = _SEALED.match(sealed)
        if parts is None:
            raise NotSealedHere
        key_id, nonce, ciphertext = parts.groups()
        if key_id not in self._keys:
            raise KeyMissing(key_id)
        try:
            return self._cipher(key_id).decrypt(_bytes(nonce), _bytes(ciphertext), name.encode()).decode()
        except (InvalidTag, ValueError):
            raise NotSealedHere from None

    def fingerprint(self, name: str, value: str) -> str:
        """Eight digits that change with the value. Without the key nobody can try values against it, and the
        same value under another name has another one. Raises KeyMissing."""
        key = hmac.digest(self._keys[self.sealing], b"visor fingerprint", hashlib.sha256)
        return hmac.new(key, f"{name}\0{value}".encode(), hashlib.sha256).hexdigest()[:8]

    def _cipher(self, key_id: str) -> "AESGCM":
        # Imported when the first secret is sealed or opened, or by `load`: most services have none.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if key_id not in self._ciphers:
            self._ciphers[key_id] = AESGCM(self._keys[key_id])
        return self._ciphers[key_id]


def is_sealed(text: str) -> bool:
    """Whether this has the form of a sealed value."""
    return _SEALED.match(text) is not None


def load(file: str | None) -> Keyring:
    """The keyring in the file; an empty one where none is named. Raises StartError."""
    if file is None:
        return Keyring()
    path = Path(file)
    keys = _read(path)
    if not keys:
        raise StartError(f"keyring_file: {path} has no key: `visor keys new {path}` adds one")
    try:
        # Here, so that the first secret of a service does not wait for it.
        import cryptography.hazmat.primitives.ciphers.aead  # noqa: F401
    except ImportError:
        raise StartError(
            "keyring_file: the package cryptography is not installed: install Visor again with all it needs"
        ) from None
    return Keyring(keys)


def add_key(file: str, *, last: bool = False) -> str:
    """Put a new key into the file, which is made where it is not there: first, so that it seals from now on,
    or last, so that it only opens. The new key's id. Raises StartError."""
    path = Path(file)
    keys = _read(path) if path.exists() else {}
    key_id = f"k{os.urandom(4).hex()}"
    new = {key_id: os.urandom(KEY_BYTES)}
    _write(path, {**keys, **new} if last else {**new, **keys})
    return key_id


def _read(path: Path) -> dict[str, bytes]:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(1024 * 1024)
    except OSError as error:
        raise StartError(
            f"keyring_file: {path} cannot be read ({error.strerror}): `visor keys new {path}` makes one"
        ) from None
    if mode & 0o077:
        raise StartError(f"keyring_file: others may read {path}: `chmod 600 {path}`")
    keys: dict[str, bytes] = {}
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        # The line is not repeated: it may hold a key.
        if len(words) != 2 or not _KEY_ID.match(words[0]) or words[0] in keys:
            raise StartError(
                f"keyring_file: line {number} of {path} is not `<id> <key>` with an id of its own"
            )
        try:
            keys[words[0]] = _bytes(words[1])
        except (binascii.Error, ValueError):
            keys[words[0]] = b""
        if len(keys[words[0]]) != KEY_BYTES:
            raise StartError(
                f"keyring_file: the key in line {number} of {path} is not {KEY_BYTES} bytes in base64"
            )
    return keys


def _write(path: Path, keys: Mapping[str, bytes]) -> None:
    """Replace the file as a whole: a key that is lost for want of room is lost with all it has sealed."""
    lines = ["# Visor's keyring: the first key seals, all open. Whoever has this file can read the secrets."]
    lines += [f"{key_id} {_text(key)}" for key_id, key in keys.items()]
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write("\n".join(lines) + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StartError(f"keyring_file: {path} cannot be written ({error.strerror})") from None


def _text(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
