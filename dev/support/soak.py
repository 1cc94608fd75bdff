"""dev/soak: our client and server under calls of every kind and end, for minutes; memory and descriptors must be flat."""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Tests/Interop"))

from programs import Program  # noqa: E402
from soaking import soak  # noqa: E402

# What drift may look like; a leak of one byte in each call shows as far more at thousands of calls a second. What grows, says
# heaptrack, is not ours: libdispatch keeps up to 1,024 continuations of 64 bytes for each thread that ends some, and the
# handlers of `interop-peer server` sleep for a minute, which Swift's timers outlive when the call is given up.
MAX_SLOPE_KIB_PER_MINUTE = 64


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev/soak")
    parser.add_argument("--minutes", type=float, default=10, help="how long (default 10)")
    parser.add_argument("--share", type=float, default=0.5, help="of the full load (default 0.5)")
    options = parser.parse_args()
    programs: list[Program] = []
    try:
        result = soak(options.minutes * 60, options.share, every=1.0, programs=programs)
    finally:
        for program in programs:
            program.kill()
    print("\n".join(result.output))
    is_flat = result.is_right
    for side in ["client", "server"]:
        samples = result.settled(side)
        slope = result.slope(side)
        least, most = result.descriptors(side)
        started, ended = result.sums[side]
        is_flat &= slope <= MAX_SLOPE_KIB_PER_MINUTE and least == most and started == ended
        print(
            f"{side}: {samples[0].anonymous_kib:,} KiB to {samples[-1].anonymous_kib:,} KiB, slope {slope:+.1f} KiB/min"
            f" (at most {MAX_SLOPE_KIB_PER_MINUTE}); descriptors {least} to {most}; {started:,} calls started,"
            f" {ended:,} ended"
        )
    print("flat, and every call ended as it had to" if is_flat else "NOT flat, or calls ended as they must not")
    sys.exit(0 if is_flat else 1)


main()
