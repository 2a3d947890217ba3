"""Peers that are ASGI applications: uvicorn with the settings that Visor has, and nothing else."""

import argparse
from typing import Any

import uvicorn


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    return parser


def serve(app: Any, port: int, lifespan: str = "off") -> None:
    """Until SIGTERM. uvloop and httptools are what uvicorn takes where they are installed."""
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        interface="asgi3",
        lifespan=lifespan,  # type: ignore[arg-type]
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=2048,
        timeout_keep_alive=65,
        timeout_graceful_shutdown=1,
    )
