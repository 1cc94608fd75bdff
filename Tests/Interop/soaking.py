"""A soak: our client makes calls of every kind that end in every way, our server serves them, and both are watched.

Used by `test_soak.py`, and by `dev/soak`, which goes on for longer.
"""

import dataclasses
import re

from programs import Program, Server, binary
from sampling import LiveBytes, Sample, Sampler, slope_per_minute

SUMS = re.compile(r"^(client|server): (\d+) calls started, (\d+) ended$")


@dataclasses.dataclass
class Soak:
    output: list[str]
    """What the two programs printed: the calls by code and kind."""
    samples: dict[str, list[Sample]]
    is_right: bool
    """Whether every call ended as it had to."""
    sums: dict[str, tuple[int, int]]
    """Calls that began, and that ended, of the client and the server."""

    def settled(self, side: str) -> list[Sample]:
        """Without the first fifth, in which memory is taken that is then used again."""
        return self.samples[side][len(self.samples[side]) // 5 :]

    def live_slope(self, side: str) -> float:
        samples = self.settled(side)
        return slope_per_minute([s.seconds for s in samples], [s.live_kib for s in samples])

    def anonymous_slope(self, side: str) -> float:
        samples = self.settled(side)
        return slope_per_minute([s.seconds for s in samples], [s.anonymous_kib for s in samples])

    def descriptors(self, side: str) -> tuple[int, int]:
        """The fewest and the most that were open."""
        counts = [sample.descriptors for sample in self.settled(side)]
        return min(counts), max(counts)


def soak(
    seconds: float, share: float, every: float, programs: list[Program], live: LiveBytes | None = None
) -> Soak:
    """Soaks for this time, at this share of what the two can do.

    `programs` gets those that it starts, to be killed if this fails.
    """
    environment = live.environment if live else None
    server = Server(binary("interop-peer"), "server", "--count-calls", environment=environment)
    programs.append(server)
    client = Program(
        *(binary("interop-peer"), "soak", "--target", server.target),
        *("--seconds", str(seconds), "--share", str(share)),
        environment=environment,
    )
    programs.append(client)
    # What comes before is the measurement of the full load.
    client.wait_for_line("^soaking", 60)
    sampler = Sampler({"client": client, "server": server}, every, live)
    try:
        client.wait_for_line(r"^\d+ calls/s$", seconds + 60)
    finally:
        sampler.stop()
    code = client.wait(60)
    server.stop()
    output = client.lines + server.lines
    found = [match for match in map(SUMS.match, output) if match]
    sums = {match[1]: (int(match[2]), int(match[3])) for match in found}
    return Soak(output, sampler.samples, code == 0, sums)
