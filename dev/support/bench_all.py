"""dev/bench all: every suite that writes figures, one after the other, and one file of all of them."""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

SUITES = ("rpc", "messages", "policies")
# What each suite says for itself; the rest of its file stands under its name.
SHARED = ("machine", "date", "versions", "settings", "rows", "latency")


def merged(suites: dict[str, dict]) -> dict:
    """One file in the form of a single suite's: rows after rows, settings by suite."""
    first = next(iter(suites.values()))
    return {
        "machine": first["machine"],
        "date": first["date"],
        "versions": {name: version for suite in suites.values() for name, version in suite["versions"].items()},
        "settings": {name: suite["settings"] for name, suite in suites.items()},
        "rows": [row for suite in suites.values() for row in suite.get("rows", [])],
        "latency": [row for suite in suites.values() for row in suite.get("latency", [])],
        "suites": {
            name: {key: value for key, value in suite.items() if key not in SHARED} for name, suite in suites.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev/bench all", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under twelve minutes, once everything is built")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write every value there, too")
    options = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for suite in SUITES:
            print(f"\n## {suite}\n", flush=True)
            file = pathlib.Path(folder) / suite
            command = ["dev/bench", suite, "--json", str(file), *(["--quick"] if options.quick else [])]
            if subprocess.run(command, stdin=subprocess.DEVNULL).returncode != 0:
                sys.exit(f"{' '.join(command)} failed")
            found[suite] = json.loads(file.read_text())
    if options.json:
        options.json.write_text(json.dumps(merged(found), indent=1) + "\n")


if __name__ == "__main__":
    main()
