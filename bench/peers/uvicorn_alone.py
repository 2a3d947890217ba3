"""Peers that are ASGI applications: uvicorn with the settings that Visor has, and nothing else."""

import argparse
from typing import Any

import uvicorn

from app.server.server import listening_at


def serve(app: Any) -> None:
    """On the socket that `--fd` names, until SIGTERM. uvicorn's settings are those that Visor has."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--fd", type=int, required=True)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        interface="asgi3",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=65,
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=[listening_at(parser.parse_args().fd)])
