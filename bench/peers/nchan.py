"""nginx with nchan, where both are installed (Debian: nginx-light, libnginx-mod-nchan)."""

import os
import shutil
from pathlib import Path

from bench.serving import Served, Stage, free_port

_MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")

_CONFIG = """
load_module {module};
{user}
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
worker_rlimit_nofile 20000;
events {{ worker_connections 15000; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  keepalive_requests 100000000;
  server {{
    listen 127.0.0.1:{port} backlog=2048;
    location = /publish {{
      nchan_publisher; nchan_channel_id events;
      nchan_message_buffer_length 1000; nchan_message_timeout 60s;
    }}
    location = /events {{ nchan_subscriber eventsource; nchan_channel_id events; }}
  }}
}}
"""


def binary() -> str | None:
    """nginx, if it has nchan."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    return found if _MODULE.exists() else None


def start(stage: Stage) -> Served | None:
    """None where it is not installed."""
    nginx = binary()
    if nginx is None:
        return None
    directory = stage.place("nchan")
    directory.mkdir()
    port = free_port()
    # Without it, what root starts would go on as a user who may not enter the directory.
    user = "user root;" if os.geteuid() == 0 else ""
    config = directory / "nginx.conf"
    config.write_text(_CONFIG.format(module=_MODULE, user=user, directory=directory, port=port))
    return stage.start("nchan", [nginx, "-p", str(directory), "-c", str(config)], port)
