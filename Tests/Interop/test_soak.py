"""The short form of `dev/soak`: what must hold after ten minutes has to hold after fifteen seconds, too."""

import pytest

from soaking import soak

SECONDS = 15
# Of either program, after the first fifth. The long form judges by the slope, which so few samples do not give.
MAX_GROWTH_KIB = 16 * 1024

pytestmark = pytest.mark.usefixtures("needs_our_programs")


def test_every_call_ends_as_it_must_and_nothing_piles_up(programs):
    result = soak(SECONDS, share=0.5, every=0.25, programs=programs)
    report = "\n".join(result.output)
    print(report)
    assert result.is_right, report
    for side in ["client", "server"]:
        started, ended = result.sums[side]
        assert started == ended > 0, report
        least, most = result.descriptors(side)
        assert least == most, f"the {side} had {least} to {most} descriptors open"
        samples = result.settled(side)
        growth = samples[-1].anonymous_kib - samples[0].anonymous_kib
        assert growth < MAX_GROWTH_KIB, f"the {side} grew by {growth} KiB"
    # A call that its caller gives up at once may never have left.
    assert result.sums["server"][0] <= result.sums["client"][0]
