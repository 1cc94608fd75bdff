"""What programs hold while they run, sampled every so often, and whether it grows."""

import dataclasses
import pathlib
import statistics
import struct
import threading
import time

from programs import Program


@dataclasses.dataclass
class Sample:
    seconds: float
    anonymous_kib: int
    """The pages that the program has, those included that malloc keeps for what comes."""
    descriptors: int
    live_kib: float
    """What the program holds of the heap; 0 if it is not counted."""


@dataclasses.dataclass
class LiveBytes:
    """Programs that count what they hold of the heap (Benchmarks/Preload/live.c)."""

    preload: pathlib.Path
    folder: pathlib.Path

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self.preload), "BULWARK_LIVE_BYTES": f"{self.folder}/"}

    def kib(self, pid: int) -> float:
        return struct.unpack("=q", (self.folder / str(pid)).read_bytes())[0] / 1024


def anonymous_kib(pid: int) -> int:
    """The memory that is the program's own: what it has allocated, without its code and the files it maps."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    raise ProcessLookupError(f"process {pid} has no memory any more")


def slope_per_minute(seconds: list[float], kib: list[float]) -> float:
    """By how many KiB a minute the memory grows, by least squares."""
    return statistics.linear_regression(seconds, kib).slope * 60 if len(kib) > 1 else 0.0


class Sampler:
    """Samples programs in a thread of its own until it is stopped."""

    def __init__(self, programs: dict[str, Program], every: float, live: LiveBytes | None = None):
        self.samples: dict[str, list[Sample]] = {name: [] for name in programs}
        self._programs = programs
        self._every = every
        self._live = live
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        started = time.monotonic()
        while not self._stopped.wait(self._every):
            for name, program in self._programs.items():
                try:
                    memory, descriptors = anonymous_kib(program.process.pid), program.descriptors()
                    live = self._live.kib(program.process.pid) if self._live else 0
                except (FileNotFoundError, ProcessLookupError):
                    return
                self.samples[name].append(Sample(time.monotonic() - started, memory, descriptors, live))

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()
