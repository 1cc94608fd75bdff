"""Which rows of calls there are, how each is measured, and what it has to reach."""

import pathlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from bench.halting import Halting
from bench.load import MEBIBYTE, Files, Load, Rate, client_rate, generated, h2load
from bench.results import Row, Target
from bench.stacks import CEILING, CPP, CPP_LINKED_IN, GO, OURS, POLICIES, SWIFT, Stack, serving

PERCENTILES = ("p50", "p90", "p99", "p99.9", "max")
# The open loop's share of the rate that gRPC C++ answers in a closed loop, in the same round. The others are for the
# picture of how latency rises, and a quick run leaves them out.
JUDGED_SHARES, OTHER_SHARES = (0.5, 0.8), (0.2, 0.95)
CAPACITY = "unary-8x32-checked"
# Of shorter rounds of the open loop a single pause of the machine is the p99.9.
LEAST_OPEN_SECONDS = 5
# grpc-swift-2 answers fewer calls than half of what gRPC C++ does, so the open loop has no figure for it.
SERVERS, FAST_SERVERS = (OURS, CPP, SWIFT, GO), (OURS, CPP, GO)
# Where a message is alone, and the way in which idle cores halt is most of what it waits for.
ALONE, PING_PONG = "one unary call of 100 B in flight", "bidi ping-pong 100 B, 1 x 1"
PING_PONG_LOAD = Load("bidi", messages=1000)


@dataclass
class Bench:
    """What measurements need, and what this round has found so far."""

    generator: pathlib.Path
    files: Files
    seconds: float
    warm_up: float
    halting: Halting
    latest: dict[tuple[str, str], float] = field(default_factory=dict)
    # What a reader of the figures has to know of single ones.
    notes: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Latency:
    """What a run of the open loop has found."""

    share: float
    calls_per_second: float
    microseconds: dict[str, float]


@dataclass(frozen=True)
class Sample:
    """What one run has found: a value for each row that it belongs to."""

    values: dict[str, float]
    # The share of the time that the load's core computed.
    busy: float
    latency: Latency | None = None


@dataclass(frozen=True)
class Measurement:
    """One load, which takes turns on several stacks."""

    rows: tuple[Row, ...]
    stacks: tuple[str, ...]
    run: Callable[[Bench, Stack], Sample]
    # A row of another measurement that this one needs the value of.
    needs: str | None = None
    # Whether cores are to halt as the machine has it, when a run changes that.
    is_halting: bool = False


def measurements(wanted: re.Pattern, is_quick: bool, halting: Halting) -> Sequence[Measurement]:
    """Those with a row whose id matches, and what they need, in the order in which they are to be taken."""
    shares = sorted(JUDGED_SHARES if is_quick else JUDGED_SHARES + OTHER_SHARES)
    everything = [
        *_with_h2load(),
        *_closed_loop(),
        # Where the run changes nothing, or cores do not forget the change, they would be the same once more.
        *(_with_halting_cores(halting.own_words) if halting.has_own else ()),
        *(_open_loop(share) for share in shares),
        *(_clients(in_flight) for in_flight in (1, 32, 100)),
    ]
    found = [each for each in everything if any(wanted.search(row.id) for row in each.rows)]
    needed = {each.needs for each in found}
    return [each for each in everything if each in found or any(row.id in needed for row in each.rows)]


def _with_h2load() -> Sequence[Measurement]:
    plain = Row(
        "unary-8x32",
        "unary 100 B, 8 connections x 32 streams (h2load)",
        "calls/s",
        (Target(CPP, 3), Target(SWIFT, 20), Target(CEILING, 0.6)),
    )
    policies = Row(
        "policies", "unary 100 B, 8 x 32, every policy on (h2load)", "calls/s", (Target(OURS, 0.92),), POLICIES
    )
    linked_in = Row(
        "unary-8x32-linked-in", "unary 100 B, 8 x 32, gRPC C++ linked statically (h2load)", "calls/s", rival=CPP_LINKED_IN
    )
    tls = Row("tls-8x32", "unary 100 B over TLS, 8 x 32 (h2load)", "calls/s", (Target(CPP, 2),))
    large = Row("tls-1m", "unary 1 MiB echo over TLS, 4 x 1 (h2load)", "MB/s")

    def run_plain(bench: Bench, stack: Stack) -> Sample:
        with serving(stack) as port:
            rate = h2load(stack, port, bench.files, bench.seconds, bench.warm_up)
        rows = {OURS: [plain, policies, linked_in], POLICIES: [policies], CPP_LINKED_IN: [linked_in]}
        return _rate_of(rows.get(stack.name, [plain]), rate)

    def run_tls(bench: Bench, stack: Stack) -> Sample:
        with serving(stack, bench.files.certificate) as port:
            rate = h2load(stack, port, bench.files, bench.seconds, bench.warm_up, tls=True)
        return _rate_of([tls], rate)

    def run_large(bench: Bench, stack: Stack) -> Sample:
        load = Load(connections=4, payload=MEBIBYTE)
        with serving(stack, bench.files.certificate) as port:
            rate = h2load(stack, port, bench.files, bench.seconds, bench.warm_up, tls=True, load=load)
        return Sample({large.id: rate.per_second * MEBIBYTE / 1e6}, rate.busy)

    return [
        Measurement((plain, policies, linked_in), (*SERVERS, CEILING, POLICIES, CPP_LINKED_IN), run_plain),
        Measurement((tls,), SERVERS, run_tls),
        Measurement((large,), SERVERS, run_large),
    ]


def _rate_of(rows: Sequence[Row], rate: Rate) -> Sample:
    return Sample({row.id: rate.per_second for row in rows}, rate.busy)


def _closed_loop() -> Sequence[Measurement]:
    few, kilobyte = (Target(CPP, 2),), 1 << 10
    return [
        _rate(CAPACITY, "unary 100 B, 8 x 32, each answer compared", "calls/s", Load(connections=8, streams=32)),
        _rate(
            "unary-1x100",
            "unary 100 B, 1 connection x 100 streams",
            "calls/s",
            Load(streams=100),
            (Target(CPP, 3),),
        ),
        _rate("unary-100x1", "unary 100 B, 100 connections x 1 stream", "calls/s", Load(connections=100)),
        _rate("unary-1000x1", "unary 100 B, 1,000 connections x 1 stream", "calls/s", Load(connections=1000)),
        _one_in_flight("one-in-flight", ALONE, (Target(CPP, 0.9, is_upper=True),)),
        _rate("unary-1k", "unary 1 KiB echo, 8 x 32", "MB/s", Load(connections=8, streams=32, payload=kilobyte)),
        _rate("unary-64k", "unary 64 KiB echo, 8 x 4", "MB/s", Load(connections=8, streams=4, payload=64 * kilobyte)),
        _rate(
            "unary-1m",
            "unary 1 MiB echo, 4 connections x 1 stream",
            "MB/s",
            Load(connections=4, payload=MEBIBYTE),
            (Target(CPP, 1.1),),
        ),
        _rate(
            "server-stream-100",
            "server stream of 1,000 x 100 B, 8 x 4",
            "messages/s",
            Load("server-stream", connections=8, streams=4, messages=1000),
            few,
        ),
        _rate(
            "server-stream-64k",
            "server stream of 100 x 64 KiB, 4 x 1",
            "MB/s",
            Load("server-stream", connections=4, payload=64 * kilobyte, messages=100),
            (Target(CPP, 1.1),),
        ),
        _rate(
            "client-stream-100",
            "client stream of 1,000 x 100 B, 8 x 4",
            "messages/s",
            Load("client-stream", connections=8, streams=4, messages=1000),
        ),
        _rate(
            "client-stream-64k",
            "client stream of 100 x 64 KiB, 4 x 1",
            "MB/s",
            Load("client-stream", connections=4, payload=64 * kilobyte, messages=100),
        ),
        _rate("bidi-1x1", PING_PONG, "messages/s", PING_PONG_LOAD, few),
        _rate(
            "bidi-8x32",
            "bidi ping-pong 100 B, 8 x 32",
            "messages/s",
            Load("bidi", connections=8, streams=32, messages=1000),
            few,
        ),
        _rate(
            "bidi-64k",
            "bidi ping-pong 64 KiB, 4 x 1",
            "MB/s",
            Load("bidi", connections=4, payload=64 * kilobyte, messages=100),
        ),
        _rate(
            "two-cores-8x32",
            "unary 100 B, 8 x 32, two cores for the server",
            "calls/s",
            Load(connections=8, streams=32),
            has_two_cores=True,
        ),
        _rate(
            "two-cores-64k",
            "unary 64 KiB echo, 8 x 4, two cores for the server",
            "MB/s",
            Load(connections=8, streams=4, payload=64 * kilobyte),
            has_two_cores=True,
        ),
    ]


def _with_halting_cores(words: str) -> Sequence[Measurement]:
    """What a message waits for when it has to wake a core of a virtual machine, which no stack can change."""
    alone = _one_in_flight("one-in-flight-halting", f"{ALONE}, {words}")
    streamed = _rate("bidi-1x1-halting", f"{PING_PONG}, {words}", "messages/s", PING_PONG_LOAD)
    return [replace(each, stacks=(OURS, CPP), is_halting=True) for each in (alone, streamed)]


def _rate(
    id: str, title: str, unit: str, load: Load, targets: tuple[Target, ...] = (), has_two_cores: bool = False
) -> Measurement:
    def run(bench: Bench, stack: Stack) -> Sample:
        with serving(stack, has_two_cores=has_two_cores) as port:
            report = generated(bench.generator, load, port, bench.seconds, bench.warm_up)
        rate = report["megabytes_per_second" if unit == "MB/s" else "messages_per_second"]
        return Sample({id: rate}, report["busy"])

    return Measurement((Row(id, title, unit, targets),), SERVERS, run)


def _one_in_flight(id: str, title: str, targets: tuple[Target, ...] = ()) -> Measurement:
    rows = tuple(Row(f"{id}-{name}", f"{title}, {name}", "us", targets) for name in ("p50", "p99"))

    def run(bench: Bench, stack: Stack) -> Sample:
        with serving(stack) as port:
            report = generated(bench.generator, Load(), port, bench.seconds, bench.warm_up)
        latency = report["latency_microseconds"]
        return Sample({row.id: latency[row.id.rpartition("-")[2]] for row in rows}, report["busy"])

    return Measurement(rows, SERVERS, run)


def _open_loop(share: float) -> Measurement:
    percent = f"{share * 100:.0f}"
    rows = tuple(
        Row(
            f"open-{percent}-{name}",
            f"open loop at {percent} % of gRPC C++'s rate, {name}",
            "us",
            (Target(CPP, 0.5, is_upper=True),) if (share, name) == (0.8, "p99.9") else (),
        )
        for name in (("p50", "p99", "p99.9") if share in JUDGED_SHARES else ("p99.9",))
    )

    def run(bench: Bench, stack: Stack) -> Sample:
        rate = round(bench.latest[CAPACITY, CPP] * share)
        load = Load(connections=8, streams=100)
        with serving(stack) as port:
            seconds = max(bench.seconds, LEAST_OPEN_SECONDS)
            report = generated(bench.generator, load, port, seconds, bench.warm_up, rate)
        latency = report["latency_microseconds"]
        if report["unanswered"] > 0:
            bench.notes.add(f"{rows[0].id}, {stack.name}: calls without an answer count with the time so far")
        values = {row.id: latency[row.id.rpartition("-")[2]] for row in rows}
        return Sample(values, report["busy"], Latency(share, rate, latency))

    return Measurement(rows, FAST_SERVERS, run, needs=CAPACITY)


def _clients(in_flight: int) -> Measurement:
    row = Row(
        f"client-{in_flight}",
        f"client and server of a stack, unary 100 B, {in_flight} in flight",
        "calls/s",
        (Target(CPP, 2.5), Target(SWIFT, 12)) if in_flight > 1 else (),
    )

    def run(bench: Bench, stack: Stack) -> Sample:
        with serving(stack) as port:
            return Sample({row.id: client_rate(stack, port, in_flight, bench.seconds)}, 0)

    return Measurement((row,), (OURS, CPP, SWIFT), run)
