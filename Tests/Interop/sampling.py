"""What programs hold while they run, sampled every so often, and whether it grows."""

import dataclasses
import pathlib
import statistics
import threading
import time

from programs import Program


@dataclasses.dataclass
class Sample:
    seconds: float
    anonymous_kib: int
    descriptors: int


def anonymous_kib(pid: int) -> int:
    """The memory that is the program's own: what it has allocated, without its code and the files it maps."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    raise ProcessLookupError(f"process {pid} has no memory any more")


def slope_per_minute(samples: list[Sample]) -> float:
    """By how many KiB a minute the memory grows, by least squares."""
    if len(samples) < 2:
        return 0.0
    line = statistics.linear_regression([s.seconds for s in samples], [s.anonymous_kib for s in samples])
    return line.slope * 60


class Sampler:
    """Samples programs in a thread of its own until it is stopped."""

    def __init__(self, programs: dict[str, Program], every: float):
        self.samples: dict[str, list[Sample]] = {name: [] for name in programs}
        self._programs = programs
        self._every = every
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        started = time.monotonic()
        while not self._stopped.wait(self._every):
            for name, program in self._programs.items():
                try:
                    memory, descriptors = anonymous_kib(program.process.pid), program.descriptors()
                except (FileNotFoundError, ProcessLookupError):
                    return
                self.samples[name].append(Sample(time.monotonic() - started, memory, descriptors))

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()
