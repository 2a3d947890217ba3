"""Visor: the registry of what runs on a platform."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("visor-registry")
except PackageNotFoundError:  # a checkout that was never installed
    __version__ = "0.0.0"
