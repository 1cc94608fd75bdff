"""Messages beside SwiftProtobuf and C++ protobuf, each in a process of its own, in turn: figures, targets, verdicts."""

import argparse
import json
import pathlib
import re
import statistics
import tempfile
from collections import defaultdict

from bench import report
from bench.halting import polling
from bench.results import Result, Row, Target
from bench.stacks import LOAD_CORE, OURS, output, pinned
from bench_machine import description, first_line

MANIFEST = pathlib.Path(__file__).resolve().parents[2] / "Benchmarks/Package.swift"
SWIFT_PROTOBUF, CPP_PROTOBUF = "SwiftProtobuf", "C++ protobuf"
# As message-bench names them, and as the table does.
MESSAGES = {
    "vote decode": "a vote of 134 B, decoded",
    "vote encode": "a vote of 134 B, encoded",
    "block decode": "a block of 231 KB, decoded",
    "block encode": "a block of 231 KB, encoded",
}
TARGETS = (Target(SWIFT_PROTOBUF, 2.2), Target(CPP_PROTOBUF, 0.5))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev/bench messages", description=__doc__)
    for program in ("--ours", "--cpp"):
        parser.add_argument(program, required=True, type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="three rounds")
    parser.add_argument("--rounds", type=int, help="rounds of everything (default 11)")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write every value there, too")
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 11)
    return options


def per_second(nanoseconds: list[float]) -> float:
    return 1e9 / statistics.median(nanoseconds)


def main() -> None:
    options = parsed()
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    times = ["--rounds", "9", "--seconds", "0.03"]
    with polling() as halting, tempfile.TemporaryDirectory() as samples:
        for _ in range(options.rounds):
            ours = json.loads(output(pinned(LOAD_CORE, [str(options.ours), *times, "--json", "--samples", samples])))
            theirs = json.loads(output(pinned(LOAD_CORE, [str(options.cpp), *times, "--samples", samples])))
            for each in ours:
                values[each["name"]][OURS].append(per_second(each["bulwark"]))
                values[each["name"]][SWIFT_PROTOBUF].append(per_second(each["swiftProtobuf"]))
                values[each["name"]][CPP_PROTOBUF].append(per_second(theirs[each["name"]]))
    results = [
        Result(Row(name.replace(" ", "-"), title, "messages/s", TARGETS), values[name])
        for name, title in MESSAGES.items()
    ]
    head = description({"rounds": options.rounds, "core": LOAD_CORE, "halting": str(halting)})
    head["versions"] |= {
        SWIFT_PROTOBUF: re.findall(r'swift-protobuf", exact: "([^"]+)"', MANIFEST.read_text())[0],
        CPP_PROTOBUF: first_line("pkg-config", "--modversion", "protobuf"),
    }
    print(f"{report.heading(head)}\n{halting}")
    print("\n" + report.figures(results, (OURS, SWIFT_PROTOBUF, CPP_PROTOBUF)) + "\n\n" + report.verdicts(results))
    if options.json:
        options.json.write_text(json.dumps(head | {"rows": [result.fields for result in results]}, indent=1) + "\n")


if __name__ == "__main__":
    main()
