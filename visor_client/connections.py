"""The connections that calls are made over."""

import httpx2

LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=100)
"""A call that waits holds its connection: with a bound, many of them would keep all others waiting."""
