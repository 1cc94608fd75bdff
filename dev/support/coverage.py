"""Line coverage per library target from llvm-cov's JSON export; fails when one is below the bar.

Generated code is left out: the generator's own tests judge it.
"""

import json
import pathlib
import sys

BAR = 85.0
HIGHER_BARS = {"BulwarkResilience": 95.0}
sources = pathlib.Path.cwd() / "Sources"

totals: dict[str, list[int]] = {}
for unit in json.load(open(sys.argv[1]))["data"][0]["files"]:
    path = pathlib.Path(unit["filename"])
    if not path.is_relative_to(sources) or "Generated" in path.parts:
        continue
    target = path.relative_to(sources).parts[0]
    lines = unit["summary"]["lines"]
    total = totals.setdefault(target, [0, 0])
    total[0] += lines["covered"]
    total[1] += lines["count"]
totals.pop("protoc-gen-bulwark", None)  # a program of a few lines around BulwarkCodeGen

low = 0
for target, (covered, count) in sorted(totals.items()):
    percent = 100 * covered / count if count else 100
    bar = HIGHER_BARS.get(target, BAR)
    low += percent < bar
    below = f"  BELOW {bar} %" if percent < bar else ""
    print(f"{target:<20} {covered:>6} of {count:>6} lines  {percent:5.1f} %{below}")
if low or not totals:
    sys.exit(f"{low} targets are below their bar" if totals else "no coverage data for Sources/")
