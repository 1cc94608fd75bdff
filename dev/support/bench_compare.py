"""Whether two files of the same suite, or of all suites, agree: whether the spreads of each of their figures meet.

Ratios and counts are compared, no absolute rates: those drift with the machine. A spread is from the lowest round to the
highest one. What a single round has counted has none, so some slack is added at both ends.
"""

import argparse
import json
import pathlib
import sys
from collections.abc import Sequence

from bench.figures import Figure, figures, shown

# What a file says, or leaves unsaid, whose machine was as it is.
HALTED = "cores halt as the machine has it"
AT_ONCE = " (guest_halt_poll_ns is 0)"


def compared(first: Sequence[Figure], second: Sequence[Figure], slack: float) -> Sequence[tuple[Figure, Figure, bool]]:
    """The figures that both have, in the order of the first, and whether they agree."""
    others = {(each.id, each.to): each for each in second}
    found = [(each, others[each.id, each.to]) for each in first if (each.id, each.to) in others]
    return [(one, other, one.agrees(other, slack)) for one, other in found]


def table(pairs: Sequence[tuple[Figure, Figure, bool]]) -> str:
    lines = ["| what | first | lowest to highest | second | lowest to highest | |", "|---|---:|---|---:|---|---|"]
    for one, other, agrees in pairs:
        cells = [f"{shown(each.median)} {each.unit} | {each.spread}" for each in (one, other)]
        lines.append(f"| {one.name} | {' | '.join(cells)} | {'agree' if agrees else 'DIFFER'} |")
    return "\n".join(lines)


def halting(report: dict) -> str | None:
    """What idle cores did, in the words of the run; nothing where counts are all there is, and those do not depend on it."""
    if not (report.get("rows") or report.get("scale")):
        return None
    settings = report["settings"]
    # A file of all suites has the settings of each under its name, and what held was the same for all of them.
    parts = [settings, *(each for each in settings.values() if isinstance(each, dict))]
    words = next((each["halting"] for each in parts if "halting" in each), HALTED)
    return words.removesuffix(AT_ONCE)


def warning(first: dict, second: dict) -> str | None:
    """What forbids to compare times, if anything does."""
    one, other = halting(first), halting(second)
    if one is None or other is None or one == other:
        return None
    return f"idle cores differ, so times are not to be compared; first: {one}; second: {other}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev/bench compare", description=__doc__)
    parser.add_argument("reports", nargs=2, type=pathlib.Path, metavar="FILE", help="what --json has written, twice")
    parser.add_argument("--slack", type=float, default=0.02, help="as a share of each end (default 0.02)")
    options = parser.parse_args()
    reports = [json.loads(path.read_text()) for path in options.reports]
    first, second = (figures(report) for report in reports)
    pairs = compared(first, second, options.slack)
    if not pairs:
        sys.exit("the files have no figure in common")
    told = warning(*reports)
    if told:
        print(f"{told}\n")
    print(table(pairs))
    unpaired = len(first) + len(second) - 2 * len(pairs)
    if unpaired:
        print(f"\n{unpaired} figures are in one of the files alone")
    agreeing = sum(agrees for *_, agrees in pairs)
    print(f"\n{agreeing} of {len(pairs)} figures agree")
    sys.exit(0 if agreeing == len(pairs) else 1)


if __name__ == "__main__":
    main()
