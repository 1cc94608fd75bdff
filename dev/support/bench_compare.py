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


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev/bench compare", description=__doc__)
    parser.add_argument("reports", nargs=2, type=pathlib.Path, metavar="FILE", help="what --json has written, twice")
    parser.add_argument("--slack", type=float, default=0.02, help="as a share of each end (default 0.02)")
    options = parser.parse_args()
    first, second = (figures(json.loads(path.read_text())) for path in options.reports)
    pairs = compared(first, second, options.slack)
    if not pairs:
        sys.exit("the files have no figure in common")
    print(table(pairs))
    unpaired = len(first) + len(second) - 2 * len(pairs)
    if unpaired:
        print(f"\n{unpaired} figures are in one of the files alone")
    agreeing = sum(agrees for *_, agrees in pairs)
    print(f"\n{agreeing} of {len(pairs)} figures agree")
    sys.exit(0 if agreeing == len(pairs) else 1)


if __name__ == "__main__":
    main()
