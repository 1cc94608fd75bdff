"""Programs under test as child processes: started on a port of their choice, heard to the end, never left behind."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARIES = ROOT / os.environ.get("BULWARK_BIN", ".build/release")
GRPCIO_SERVER = pathlib.Path(__file__).with_name("grpcio_server.py")
START_SECONDS = 20
STOP_SECONDS = 15


def binary(name: str) -> str:
    path = BINARIES / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is not built: swift build -c release --product {name}")
    return str(path)


class Program:
    """A child process whose output is collected line by line."""

    def __init__(self, *command: str, environment: dict[str, str] | None = None):
        self.command = command
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        # A backtrace of a crash is of use; a process that stops to make one interactively is not.
        everyone = {"PYTHONUNBUFFERED": "1", "SWIFT_BACKTRACE": "interactive=no,color=no"}
        environment = {**os.environ, **everyone, **(environment or {})}
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for_line(self, pattern: str, seconds: float = START_SECONDS) -> re.Match[str]:
        """The first line, printed already or soon, that matches; an error with all output if none comes."""
        expression = re.compile(pattern)

        def found() -> re.Match[str] | None:
            return next(filter(None, map(expression.search, self.lines)), None)

        with self._changed:
            self._changed.wait_for(lambda: found() or self._ended, seconds)
            match = found()
        if match is None:
            raise AssertionError(self.describe(f"did not print {pattern!r} within {seconds} s"))
        return match

    def describe(self, what: str) -> str:
        output = "\n".join(f"    {line}" for line in self.lines[-200:]) or "    (nothing)"
        state = self.process.poll()
        alive = "is running" if state is None else f"ended with {state}"
        return f"{' '.join(self.command)} {what}; it {alive} and printed:\n{output}"

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def resident_bytes(self) -> int:
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError(self.describe("has no resident size"))

    def descriptors(self) -> int:
        """How many descriptors the program has open."""
        return len(list(pathlib.Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def wait(self, seconds: float) -> int:
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(self.describe(f"did not end within {seconds} s")) from None
        self._reader.join(5)
        return code

    def stop(self) -> None:
        """Asks the program to end, and fails unless it does so by itself and cleanly."""
        self.process.send_signal(signal.SIGTERM)
        code = self.wait(STOP_SECONDS)
        assert code == 0, self.describe("did not end cleanly after SIGTERM")

    def kill(self) -> None:
        if self.is_running:
            self.process.kill()
        self.process.wait()


class Server(Program):
    """A program that says where it listens."""

    def __init__(
        self,
        *command: str,
        port: int = 0,
        address: tuple[str, ...] | None = None,
        environment: dict[str, str] | None = None,
    ):
        super().__init__(*command, *(address or ("--listen", f"127.0.0.1:{port}")), environment=environment)
        try:
            match = self.wait_for_line(r"^listening on (?:\S+:)(\d+)$")
        except AssertionError:
            self.kill()
            raise
        self.port = int(match[1])
        self.target = f"127.0.0.1:{self.port}"

    def restarted(self) -> "Server":
        """The same program on the same port, after this one has ended."""
        assert not self.is_running
        return Server(*self.command[:-2], port=self.port)


def grpcio_server(*options: str) -> Server:
    return Server(sys.executable, str(GRPCIO_SERVER), *options)
