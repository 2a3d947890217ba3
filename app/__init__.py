"""Visor: the registry of what runs on a platform."""

__version__ = "0.1.0"
