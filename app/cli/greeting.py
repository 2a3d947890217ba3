"""What `visor serve` says when it has started: where it is, what it serves, and where to go next."""

import logging
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from app import __version__
from app.settings import LogFormat, Settings
from app.store.contract import Store
from app.store.open import sqlite_path

logger = logging.getLogger(__name__)

EVERY_ADDRESS = ("0.0.0.0", "::")


class Greeting:
    """Said once: several lines on a terminal, else one line of the log, with the port also where that was
    chosen by the system."""

    def __init__(
        self, settings: Settings, listening: socket.socket, store: Store, closed: Callable[[], bool]
    ) -> None:
        """`closed` says whether a token is needed."""
        self._closed = closed
        self._settings = settings
        self._listening = listening
        self._store = store

    def say(self) -> None:
        """Say it."""
        # Of several workers each would say it.
        alone = self._settings.workers == 1
        if alone and self._settings.log_format == LogFormat.TEXT and sys.stderr.isatty():
            sys.stderr.write("".join(f"{line}\n" for line in self._lines()))
            sys.stderr.flush()
            return
        host, port = self._listening.getsockname()[:2]
        store = self._store
        fields = {
            "event": "listening",
            "version": __version__,
            "url": self._url,
            "host": host,
            "port": port,
            "store": self._settings.store,
            "rev": store.rev,
            "oldest_rev": store.oldest_rev,
            "history": self._settings.history,
        }
        logger.info(
            "Visor %s listens at %s, on the store %s at rev %d",
            __version__,
            self._url,
            self._settings.store,
            store.rev,
            extra={"fields": fields},
        )

    @property
    def _url(self) -> str:
        host, port = self._listening.getsockname()[:2]
        if host in EVERY_ADDRESS:
            host = "localhost"
        scheme = "http" if self._settings.tls_cert is None else "https"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    def _lines(self) -> list[str]:
        settings, store, url = self._settings, self._store, self._url
        everywhere = self._listening.getsockname()[0] in EVERY_ADDRESS
        return [
            f"Visor {__version__}",
            f"  serving   {url}{' and every other address of this machine' if everywhere else ''}",
            f"  store     {settings.store}, at rev {store.rev}{_size(settings.store)}",
            f"  history   from rev {store.oldest_rev} on; at most {settings.history:,} revs",
            f"  for       {self._whom()}",
            f"  look      {url}/ui, and {url}/docs for the API",
            "  stop      Ctrl-C",
        ]

    def _whom(self) -> str:
        if self._closed():
            return "who has a token"
        if self._settings.insecure:
            return "everybody who can reach it: --insecure"
        return "everybody on this machine; `visor token create` makes the first token"


def _size(store: str) -> str:
    if store == "memory:":
        return ", kept nowhere: gone at the end"
    if not store.startswith("sqlite:"):
        return ""
    path = sqlite_path(store)
    size = sum(each.stat().st_size for each in (path, Path(f"{path}-wal")) if each.exists())
    return f", {size / 1e6:.1f} MB"
