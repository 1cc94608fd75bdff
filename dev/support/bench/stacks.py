"""The programs that are measured: how their servers and clients are started, and on which core."""

import contextlib
import os
import pathlib
import re
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

OURS, CPP, SWIFT, GO, CEILING = "Bulwark", "gRPC C++", "grpc-swift-2", "grpc-go", "nghttpd"
# The same server, statically linked.
CPP_LINKED_IN = "gRPC C++, linked in"
# Ours with every policy before each call.
POLICIES = "Bulwark with policies"

SERVER_CORE, LOAD_CORE = 0, 1
# Of a server with two cores, whose second one is the load's, too: a load that leaves most of its core is all that can be
# measured so on a machine with no third.
TWO_CORES = f"{SERVER_CORE},{LOAD_CORE}"
# What every server is told; nghttpd has no need of it, since it takes no bodies here.
SERVER_SETTINGS = {"stream window bytes": 1 << 20, "connection window bytes": 4 << 20, "streams per connection": 256}


@dataclass(frozen=True)
class Stack:
    name: str
    server: list[str]
    client: list[str] = field(default_factory=list)
    # What tells the server that it has one core or two, if it has to be told.
    one_core: list[str] = field(default_factory=list)
    two_cores: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Certificate:
    chain: pathlib.Path
    key: pathlib.Path


def pinned(core: int | str, command: Sequence[str]) -> list[str]:
    return ["taskset", "-c", str(core), *command]


def output(command: Sequence[str], environment: dict[str, str] | None = None) -> str:
    return timed_output(command, environment)[0]


def timed_output(command: Sequence[str], environment: dict[str, str] | None = None) -> tuple[str, float]:
    """What the program prints, and for which share of its time it computed."""
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})}
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if run.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {run.returncode}:\n{run.stdout}{run.stderr}")
    computed = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return run.stdout, computed / (time.monotonic() - start)


@contextlib.contextmanager
def serving(stack: Stack, certificate: Certificate | None = None, has_two_cores: bool = False) -> Iterator[int]:
    """The port of the stack's server, which runs on core 0 or on two, and speaks TLS if there is a certificate."""
    if stack.name == CEILING:
        with _serving_files(stack) as port:
            yield port
        return
    tls = ["--tls-cert", str(certificate.chain), "--tls-key", str(certificate.key)] if certificate else []
    cores, choice = (TWO_CORES, stack.two_cores) if has_two_cores else (SERVER_CORE, stack.one_core)
    process = subprocess.Popen(
        pinned(cores, [*stack.server, *choice, "--listen", "127.0.0.1:0", *tls]),
        stdout=subprocess.PIPE,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    with _ended(process):
        line = process.stdout.readline()
        match = re.match(r"listening on \S+:(\d+)$", line)
        if match is None:
            sys.exit(f"{stack.name}: {line!r} instead of `listening on HOST:PORT`")
        yield int(match[1])


@contextlib.contextmanager
def _serving_files(stack: Stack) -> Iterator[int]:
    """nghttpd takes a port, says nothing, and has to be asked until it answers; another program may have the port by then."""
    for _ in range(10):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        process = subprocess.Popen(pinned(SERVER_CORE, [*stack.server, str(port)]), stdin=subprocess.DEVNULL)
        with _ended(process):
            if _answers(process, port):
                yield port
                return
    sys.exit(f"{stack.name} found no port to listen on")


def _answers(process: subprocess.Popen, port: int) -> bool:
    """Whether the program listens on the port; False if it has ended instead."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.01)
        else:
            # Somebody else may answer in its place: then it has ended, or does at once.
            return process.poll() is None
    return False


@contextlib.contextmanager
def _ended(process: subprocess.Popen) -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()
        process.wait()


def need_two_cores() -> None:
    if os.cpu_count() < 2:
        sys.exit("one core for the server and one for the load are needed")


def allow_many_connections() -> None:
    """A shell's usual limit of 1,024 descriptors is too few for a server with 1,000 connections."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))
