"""Prints `TESTS FAILURES` of a JUnit report; a skipped test counts as neither."""

import sys
import xml.etree.ElementTree as ElementTree

tests = bad = 0
for case in ElementTree.parse(sys.argv[1]).iter("testcase"):
    outcomes = {child.tag for child in case}
    if "skipped" in outcomes:
        continue
    tests += 1
    bad += bool(outcomes & {"failure", "error"})
print(tests, bad)
