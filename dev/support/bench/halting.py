"""How long an idle core of a virtual machine polls before it halts: 200 us while a run lasts, where that can be chosen.

To wake a core that has halted is a trip into the hypervisor. With one call in flight each message wakes one, and all
stacks have the latency of that trip. Linux's haltpoll governor lets a core poll first, for at most guest_halt_poll_ns
(Documentation/virt/guest-halt-polling.rst); 200,000 is the kernel's own default, and some machines start with 0.
"""

import contextlib
import os
import pathlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.signals import ignore, unwinding

SYSFS = pathlib.Path("/sys")
PARAMETER = "module/haltpoll/parameters/guest_halt_poll_ns"
# Beside it: whether a core that has halted lowers its limit at all, and what it divides it by, 0 for down to nothing.
ALLOW_SHRINK, SHRINK = "guest_halt_poll_allow_shrink", "guest_halt_poll_shrink"
# The parameter is there, and does nothing, while another governor is in charge.
GOVERNOR = "devices/system/cpu/cpuidle/current_governor"
POLL_NS = 200_000
# Tells the suites of a run, which find the value changed, what it was.
OWN = "BULWARK_BENCH_OWN_HALT_POLL_NS"
# A core at least halves its limit when it has halted for longer than the parameter says: twice as often as it takes to
# forget it.
HALTS, HALT_SECONDS = 2 * POLL_NS.bit_length(), 0.001


def settled() -> None:
    """Lets every core halt until it has forgotten for how long it polled.

    The kernel adapts a limit of each core's own, and only after it has halted: one that is always woken while it polls
    would go on to do so under any lower parameter.
    """
    cores = os.sched_getaffinity(0)
    try:
        for core in cores:
            os.sched_setaffinity(0, {core})
            for _ in range(HALTS):
                time.sleep(HALT_SECONDS)
    finally:
        os.sched_setaffinity(0, cores)


@dataclass(frozen=True)
class Halting:
    """What holds while a run lasts."""

    parameter: pathlib.Path
    # The machine's own value, if there is one that has an effect.
    own_ns: int | None
    # Whether POLL_NS holds instead.
    is_changed: bool
    settle: Callable[[], None] = settled
    # Whether a core that halts forgets for how long it polled.
    is_forgotten: bool = True

    def __str__(self) -> str:
        if self.is_changed:
            polls = f"cores poll for {POLL_NS // 1000} us before they halt"
            return f"{polls} ({self.parameter.name}, was {self.own_ns}, put back after the run)"
        return "cores halt as the machine has it" + (
            "" if self.own_ns is None else f" ({self.parameter.name} is {self.own_ns})"
        )

    @property
    def has_own(self) -> bool:
        """Whether `own` is anything else than the rest of the run."""
        return self.is_changed and self.is_forgotten

    @property
    def own_words(self) -> str:
        """How cores halt in `own`."""
        return f"cores halt after {self.own_ns / 1000:g} us" if self.own_ns else "cores halt at once"

    @contextlib.contextmanager
    def own(self) -> Iterator[None]:
        """A measurement with the machine's own value, which begins when every core obeys it."""
        if not self.is_changed:
            yield
            return
        try:
            self.parameter.write_text(str(self.own_ns))
            self.settle()
            yield
        finally:
            # A signal in contextlib's own steps leaves this to the end of the program, when the run has put its value back.
            if OWN in os.environ:
                self.parameter.write_text(str(POLL_NS))


@contextlib.contextmanager
def polling(sysfs: pathlib.Path = SYSFS, settle: Callable[[], None] = settled) -> Iterator[Halting]:
    """A run, at whose end the machine has its own value again, whichever way it ends but by SIGKILL.

    Nothing changes where there is no such parameter, where it may not be written, and where it is as high already. Of
    runs in a run, the outermost alone changes anything.
    """
    parameter = sysfs / PARAMETER
    with unwinding():
        if OWN in os.environ:
            yield Halting(parameter, int(os.environ[OWN]), True, settle, _is_forgotten(parameter))
            return
        own_ns = _own_ns(sysfs)
        is_lower = own_ns is not None and own_ns < POLL_NS
        try:
            is_changed = is_lower and _is_written(parameter, POLL_NS)
            if is_changed:
                os.environ[OWN] = str(own_ns)
            yield Halting(parameter, own_ns, is_changed, settle, _is_forgotten(parameter))
        finally:
            try:
                ignore()
            finally:
                os.environ.pop(OWN, None)
                # A signal may have come before it was known that the value had changed.
                if is_lower:
                    _is_written(parameter, own_ns)


def _own_ns(sysfs: pathlib.Path) -> int | None:
    try:
        is_obeyed = (sysfs / GOVERNOR).read_text().strip() == "haltpoll"
        return int((sysfs / PARAMETER).read_text()) if is_obeyed else None
    except OSError:
        return None


def _is_forgotten(parameter: pathlib.Path) -> bool:
    try:
        is_allowed = parameter.with_name(ALLOW_SHRINK).read_text().strip() == "Y"
        return is_allowed and int(parameter.with_name(SHRINK).read_text()) != 1
    except OSError:
        return False


def _is_written(parameter: pathlib.Path, value: int) -> bool:
    """False where only root may, and where /sys is mounted for reading."""
    try:
        parameter.write_text(str(value))
    except OSError:
        return False
    return True
