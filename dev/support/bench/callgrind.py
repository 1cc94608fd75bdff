"""What callgrind has written: which function computed how much, and who called whom how often."""

import collections
import pathlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_NAME = re.compile(r"^(c?)(ob|fn|fl|fi|fe)=\((\d+)\)(?: (.*))?$")


@dataclass(frozen=True)
class Function:
    """A function; without a name, where symbols were stripped, its address stands for it."""

    # The library's file, without its folder and version.
    library: str
    name: str


@dataclass
class Profile:
    """Instructions of each function itself, and for each caller and callee how many calls and instructions in them."""

    own: dict[Function, float] = field(default_factory=lambda: collections.defaultdict(float))
    calls: dict[tuple[Function, Function], float] = field(default_factory=lambda: collections.defaultdict(float))
    spent: dict[tuple[Function, Function], float] = field(default_factory=lambda: collections.defaultdict(float))

    @property
    def total(self) -> float:
        return sum(self.own.values())

    def less(self, other: "Profile", calls: float) -> "Profile":
        """What this one has more than another, for each of so many calls: without start-up, and what is done once."""
        return Profile(
            _difference(self.own, other.own, calls),
            _difference(self.calls, other.calls, calls),
            _difference(self.spent, other.spent, calls),
        )


def _difference(more: dict, less: dict, calls: float) -> dict:
    return {key: (more.get(key, 0) - less.get(key, 0)) / calls for key in {*more, *less}}


def read(path: pathlib.Path) -> Profile:
    with path.open() as lines:
        return parsed(lines)


def parsed(lines: Iterable[str]) -> Profile:
    """Callgrind's format, whose names are written once and then numbered; costs have one position and one event."""
    profile = Profile()
    names: dict[tuple[str, str], str] = {}
    library = caller = callee_library = callee = None
    calls = 0
    for line in lines:
        if match := _NAME.match(line):
            is_callee, kind, number, name = match.groups()
            if kind in ("fl", "fi", "fe"):
                continue
            if name is not None:
                names[kind, number] = name
            name = names[kind, number]
            match is_callee, kind:
                case "", "ob":
                    library = _short(name)
                case "", "fn":
                    caller = Function(library, name)
                case "c", "ob":
                    callee_library = _short(name)
                case "c", "fn":
                    callee = Function(callee_library or library, name)
                    callee_library = None
        elif line.startswith("calls="):
            calls = int(line[len("calls=") :].split()[0])
        elif line[:1].isdigit() or line[:1] in "+-*":
            _, _, cost = line.partition(" ")
            if not cost.strip():
                continue
            if calls:
                profile.calls[caller, callee] += calls
                profile.spent[caller, callee] += int(cost)
                calls = 0
            else:
                profile.own[caller] += int(cost)
    return profile


def _short(library: str) -> str:
    return re.sub(r"\.so[.\d]*$", "", library.rpartition("/")[2])
