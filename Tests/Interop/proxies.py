"""nghttpx and nginx between a client and a server, with configurations of their own on ports that were free."""

import os
import pathlib
import shutil
import signal
import socket
import time

import pytest

from programs import START_SECONDS, STOP_SECONDS, Program

# Of a proxy's connection; the defaults are 100 and 128.
STREAMS = 1_000
CLASHES = 5

NGHTTPX = """
frontend=127.0.0.1,{port};no-tls
backend=127.0.0.1,{backend};;proto=h2
frontend-http2-max-concurrent-streams={streams}
workers=1
accesslog-file=/dev/null
"""

# nginx has a connection to the server for each stream that it proxies.
NGINX = """
daemon off;
{user}
pid {folder}/pid;
error_log stderr warn;
worker_processes 1;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} http2;
    http2_max_concurrent_streams {streams};
    keepalive_requests {requests};
    client_max_body_size 0;
    location / {{ grpc_pass grpc://127.0.0.1:{backend}; }}
  }}
}}
"""
PACKAGES = {"nghttpx": "nghttp2-proxy", "nginx": "nginx-light"}


def free_port() -> int:
    """A port that nobody listens on now; another may be faster."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Proxy(Program):
    """A proxy that takes connections, or has ended."""

    def __init__(self, name: str, command: tuple[str, ...], port: int):
        super().__init__(*command)
        self.name, self.port, self.target = name, port, f"127.0.0.1:{port}"
        until = time.monotonic() + START_SECONDS
        while self.is_running and not self._listens():
            if time.monotonic() > until:
                self.kill()
                raise AssertionError(self.describe(f"did not listen within {START_SECONDS} s"))
            time.sleep(0.01)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def workers(self) -> list[int]:
        """The processes that hold the connections."""
        path = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def signal_workers(self, number: signal.Signals) -> None:
        for pid in self.workers():
            os.kill(pid, number)

    def reload(self) -> None:
        """New workers take the new connections; the old ones say GOAWAY and end with their last call."""
        self.process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """Ends the workers, too, which outlive a killed nginx."""
        if self.is_running:
            self.signal_workers(signal.SIGCONT)
            self.process.terminate()
            self.wait(STOP_SECONDS)


def start_proxy(name: str, backend: int, folder: pathlib.Path, requests: int = 1_000_000) -> Proxy:
    """A proxy to the server on this port. nginx ends a connection, with GOAWAY, after so many requests."""
    program = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.fail(f"{name} is missing: apt-get install {PACKAGES[name]}", pytrace=False)
    for _ in range(CLASHES):
        port, file = free_port(), folder / f"{name}.conf"
        text = {"nghttpx": NGHTTPX, "nginx": NGINX}[name].format(
            port=port,
            backend=backend,
            folder=folder,
            streams=STREAMS,
            requests=requests,
            user="user root;" if os.getuid() == 0 else "",
        )
        file.write_text(text)
        command = (program, f"--conf={file}") if name == "nghttpx" else (program, "-c", str(file), "-p", str(folder))
        proxy = Proxy(name, command, port)
        if proxy.is_running:
            return proxy
    raise AssertionError(proxy.describe(f"did not start on any of {CLASHES} ports"))
