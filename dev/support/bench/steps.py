"""What each step of a call costs: instructions and allocations of a profile, by who is answerable for them.

A function of a step counts for it. What belongs to none, such as the runtime, the allocator and ByteBuffer, is charged to
those who call it, and through others of its kind to those who call them: reference counts, allocations and checks of
exclusivity by how often each calls, the rest by how much of it each caused. So every instruction is counted once.
"""

import re
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.callgrind import Function, Profile

ELSEWHERE = "elsewhere"
OWN, REST = "own code", "rest of the runtime"
# Of what is charged to callers. The names are those that `names` makes.
KINDS = {
    "references": r"libswiftCore: .*(swift_(\w*[rR]etain|\w*[rR]elease|isUniquely|bridgeObject|weak|unowned)|RefCounts)",
    "allocating": r"libc: (_int_|_mid_|tcache|unlink_chunk|sysmalloc|(c|m|re)alloc|malloc_|posix_memalign|c?free\b)"
    r"|libswiftCore: .*swift_(slow|alloc|dealloc)|\w+: .*ByteBufferAllocator",
    "exclusivity": r"libswiftCore: .*(swift_beginAccess|swift_endAccess|AccessSet|SwiftTLSContext)",
}
COLUMNS = (OWN, *KINDS, REST)
ALLOCATORS = re.compile(r"libc: (malloc|calloc|realloc|posix_memalign|aligned_alloc|memalign)$")
# Rounds of passing on, after which the little that goes round in circles is given up.
MOST_ROUNDS = 200
LEAST = 1e-4


@dataclass(frozen=True)
class Step:
    """Functions whose names match, unless an earlier step's do."""

    title: str
    names: str


_SWIFT_NIO = r"(NIO(?!Core: .*(ByteBuffer|CircularBuffer))|_NIO|Atomics|CNIO|program: c_nio)"
_MESSAGES = r"(BulwarkProtobuf|BulwarkCore: .*\bMessage(De|En)cod|libprotobuf-c|BenchEcho: .*\bMsg\b)"
_NGHTTP2 = r"(libnghttp2|BulwarkHTTP2: .*\b(HTTP2Memory|FreeBlocks))"
_OUTBOUND = (
    r"BulwarkHTTP2: .*\b(send\w*|nextData|writeData|OutboundQueue|frameSent|finish|HTTP2FieldList|HTTP2Prefix|takeOutbound"
    r"|drain|setOutbound)\b"
)
_HEADERS = (
    r"(BulwarkWire: .*\b(RequestHeaders|ResponseHeaders|HeaderName|HeaderBlock|MethodTable|ContentType|Timeout\w*)\b"
    r"|BulwarkHTTP2: .*\b(InboundFields|RequestTarget)\b|BulwarkCore: .*\bMetadata\b)"
)

SERVER = (
    Step("reading, writing and the event loop (SwiftNIO)", _SWIFT_NIO),
    Step("frames and HPACK (libnghttp2, and its memory)", _NGHTTP2),
    Step("frames out (`HTTP2Session`, sending)", _OUTBOUND),
    Step("request headers and method table (`RequestHeaders`)", _HEADERS),
    Step("events in (`HTTP2Session`, receiving)", r"BulwarkHTTP2"),
    Step(
        "admission and policies",
        r"(BulwarkInterceptors|BulwarkResilience|\w+: .*\b(admit\w*|Admission\w*|HeldPermits|ArrivingCall|ServerPlan)\b)",
    ),
    Step("decode and encode (`BulwarkProtobuf`)", _MESSAGES),
    Step(
        "handler and its task",
        r"(libswift_Concurrency|BulwarkTransport: .*\b(HandlerWorkers?|StartedCall)\b"
        r"|BulwarkCore: .*\b(CallContext|ServiceRegistry)\b|BenchEcho|bench_server)",
    ),
    Step("call and response (`ServerConnection`, stream machine)", r"(BulwarkWire|BulwarkCore)"),
    Step("channel handler (`BulwarkTransport`)", r"BulwarkTransport"),
)
CLIENT = (
    Step("the load itself: comparing and counting answers", r"(bench_client|BenchEcho: .*__derived_struct_equals)"),
    Step("decode and encode (`BulwarkProtobuf`)", _MESSAGES),
    Step(
        "caller, interceptors and task",
        r"(libswift_Concurrency|BulwarkInterceptors|BulwarkResilience|BulwarkCore: .*Invoker|BenchEcho)",
    ),
    Step("way to the event loop, reading and writing (SwiftNIO)", _SWIFT_NIO),
    Step("frames and HPACK (libnghttp2, and its memory)", _NGHTTP2),
    Step("frames out (`HTTP2Session`, sending)", _OUTBOUND),
    Step("response headers (`ResponseHeaders`)", _HEADERS),
    Step("events in (`HTTP2Session`, receiving)", r"BulwarkHTTP2"),
    Step("request and answer (`ClientConnection`, stream machine)", r"(BulwarkWire|BulwarkCore)"),
    Step("channel handler (`ClientChannelHandler`)", r"BulwarkTransport: .*ChannelHandler"),
    Step("choice of a connection, and the call's end (`BulwarkTransport`)", r"(BulwarkTransport|BulwarkBalancing)"),
)


@dataclass(frozen=True)
class Costs:
    """Per call: instructions by the function that is answerable and the kind, and allocations by function."""

    instructions: Mapping[tuple[str, str], float]
    allocations: Mapping[str, float]


def attributed(profile: Profile, names: Mapping[Function, str], steps: Sequence[Step]) -> Costs:
    """The costs by names of functions that belong to a step, or `ELSEWHERE`."""
    step_of = stepper(steps)
    callers: dict[Function, list[Function]] = defaultdict(list)
    for caller, callee in profile.calls:
        callers[callee].append(caller)

    def by_calls(function: Function) -> dict[Function, float]:
        return {each: max(0, profile.calls[each, function]) for each in callers[function]}

    def by_instructions(function: Function) -> dict[Function, float]:
        return {each: max(0, profile.spent[each, function]) for each in callers[function]}

    found: dict[tuple[str, str], float] = defaultdict(float)
    passed: dict[tuple[Function, str], float] = defaultdict(float)
    for function, cost in profile.own.items():
        if step_of(names[function]):
            found[names[function], OWN] += cost
        else:
            passed[function, kind(names[function])] += cost
    for (name, what), cost in _pass_on(
        passed, names, step_of, lambda function, what: by_instructions(function) if what == REST else by_calls(function)
    ).items():
        found[name, what] += cost

    allocating: dict[tuple[Function, str], float] = defaultdict(float)
    for (caller, callee), count in profile.calls.items():
        if ALLOCATORS.match(names[callee]) and not ALLOCATORS.match(names[caller]):
            allocating[callee, REST] += count
    allocations: dict[str, float] = defaultdict(float)
    for (name, _), count in _pass_on(allocating, names, step_of, lambda function, _: by_calls(function)).items():
        allocations[name] += count
    return Costs(found, allocations)


def _pass_on(
    amounts: Mapping[tuple[Function, str], float],
    names: Mapping[Function, str],
    step_of: Callable[[str], str | None],
    weights: Callable[[Function, str], dict[Function, float]],
) -> dict[tuple[str, str], float]:
    """What functions of no step cost, at those of steps that call them, in however many calls between."""
    found: dict[tuple[str, str], float] = defaultdict(float)
    for _ in range(MOST_ROUNDS):
        passed: dict[tuple[Function, str], float] = defaultdict(float)
        for (function, what), amount in amounts.items():
            shares = weights(function, what)
            whole = sum(shares.values())
            if whole <= 0 or abs(amount) < LEAST:
                found[ELSEWHERE, what] += amount
                continue
            for caller, share in shares.items():
                if step_of(names[caller]):
                    found[names[caller], what] += amount * share / whole
                elif share > 0:
                    passed[caller, what if what != REST else kind(names[caller])] += amount * share / whole
        amounts = passed
    for (_, what), amount in amounts.items():
        found[ELSEWHERE, what] += amount
    return found


def stepper(steps: Sequence[Step]) -> Callable[[str], str | None]:
    """The title of a name's step, if it has one."""
    rules = [(step.title, re.compile(step.names)) for step in steps]
    known: dict[str, str | None] = {}

    def step_of(name: str) -> str | None:
        if name not in known:
            known[name] = next((title for title, rule in rules if rule.match(name)), None)
        return known[name]

    return step_of


def kind(name: str) -> str:
    return next((title for title, rule in KINDS.items() if re.match(rule, name)), REST)


def names(functions: Iterable[Function]) -> dict[Function, str]:
    """`module: function` for Swift code of the program, `program: function` for C in it, `library: function` for others."""
    functions = list(functions)
    # Callgrind marks the inner calls of a recursion.
    symbols = [function.name.partition("'")[0] for function in functions]
    command = ["swift", "demangle", "-simplified"]
    run = subprocess.run(command, input="\n".join(symbols), capture_output=True, text=True, check=True)
    readable = run.stdout.splitlines()
    return {
        function: f"{_module(function.library, symbol)}: {name}"
        for function, symbol, name in zip(functions, symbols, readable, strict=True)
    }


def _module(library: str, symbol: str) -> str:
    if not library.startswith("bench-"):
        return library
    match = re.match(r"\$s(\d+)", symbol)
    if match is None:
        return "Swift" if symbol.startswith("$s") else "program"
    return symbol[match.end() : match.end() + int(match[1])]


def table(costs: Costs, steps: Sequence[Step]) -> str:
    """A Markdown table, a line for each step, whose sums are those of the numbers that it shows."""
    step_of = stepper(steps)
    cells: dict[str, dict[str, int]] = {}
    allocations: dict[str, float] = defaultdict(float)
    exact: dict[tuple[str, str], float] = defaultdict(float)
    for (name, what), cost in costs.instructions.items():
        exact[step_of(name) or ELSEWHERE, what] += cost
    for name, count in costs.allocations.items():
        allocations[step_of(name) or ELSEWHERE] += count
    for title in (*(step.title for step in steps), ELSEWHERE):
        cells[title] = {what: round(exact[title, what]) for what in COLUMNS}
    whole = sum(sum(row.values()) for row in cells.values())
    lines = [
        f"| instructions per call | {' | '.join(COLUMNS)} | all | share | allocations |",
        f"|---|{'---:|' * (len(COLUMNS) + 3)}",
    ]

    def line(title: str, row: dict[str, int], count: float) -> str:
        own = " | ".join(f"{row[what]:,}" for what in COLUMNS)
        # Where nothing but errors of rounding is left, it may be a little below nothing.
        share, count = round(sum(row.values()) / whole, 3) + 0.0, round(count, 2) + 0.0
        return f"| {title} | {own} | {sum(row.values()):,} | {share:.1%} | {count:.2f} |"

    lines += [line(title, row, allocations[title]) for title, row in cells.items()]
    sums = {what: sum(row[what] for row in cells.values()) for what in COLUMNS}
    return "\n".join([*lines, line("all", sums, sum(allocations.values()))])


def sites(costs: Costs, least: float = 0.05) -> str:
    """A Markdown table of the functions that allocate, the largest first."""
    found = sorted(costs.allocations.items(), key=lambda item: -item[1])
    lines = [f"| {count:.2f} | `{name.partition(': ')[2]}` |" for name, count in found if count >= least]
    return "\n".join(["| allocations per call | in |", "|---:|---|", *lines])
