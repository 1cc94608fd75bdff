"""dev/soak: our client and server under calls of every kind and end, for minutes; memory and descriptors must be flat."""

import argparse
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Tests/Interop"))

from programs import Program  # noqa: E402
from sampling import LiveBytes  # noqa: E402
from soaking import soak  # noqa: E402

# Of what a program holds of the heap: a leak of one byte in each call shows as far more at thousands of calls a second.
#
# The pages that it has are told beside it. They rise by hundreds of KiB at a time for as long as malloc's arenas grow to the
# worst moment of the run, while what is held of them stays what it was.
MAX_SLOPE_KIB_PER_MINUTE = 16


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev/soak")
    parser.add_argument("--minutes", type=float, default=10, help="how long (default 10)")
    parser.add_argument("--share", type=float, default=0.5, help="of the full load (default 0.5)")
    parser.add_argument("--preload", required=True, type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    programs: list[Program] = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            live = LiveBytes(options.preload, pathlib.Path(folder))
            result = soak(options.minutes * 60, options.share, every=1.0, programs=programs, live=live)
    finally:
        for program in programs:
            program.kill()
    print("\n".join(result.output))
    is_flat = result.is_right
    for side in ["client", "server"]:
        samples = result.settled(side)
        first, last, slope = samples[0], samples[-1], result.live_slope(side)
        least, most = result.descriptors(side)
        started, ended = result.sums[side]
        is_flat &= slope <= MAX_SLOPE_KIB_PER_MINUTE and least == most and started == ended
        print(
            f"{side}: holds {first.live_kib:,.0f} KiB to {last.live_kib:,.0f} KiB, slope {slope:+.1f} KiB/min (at most"
            f" {MAX_SLOPE_KIB_PER_MINUTE}); pages {first.anonymous_kib:,} KiB to {last.anonymous_kib:,} KiB, slope"
            f" {result.anonymous_slope(side):+.1f} KiB/min; descriptors {least} to {most}; {started:,} calls started,"
            f" {ended:,} ended"
        )
    print("flat, and every call ended as it had to" if is_flat else "NOT flat, or calls ended as they must not")
    sys.exit(0 if is_flat else 1)


main()
