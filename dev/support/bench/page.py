"""Parts of Markdown pages that a program writes: what stands between two comments that name it."""

import pathlib
import re
from collections.abc import Mapping


def filled(page: str, parts: Mapping[str, str]) -> str:
    """The page with those parts that it has a place for, and all else as it was."""

    def part(match: re.Match) -> str:
        begin, name, end = match.groups()
        return f"{begin}\n{parts[name]}\n{end}" if name in parts else match[0]

    return re.sub(r"(<!-- begin ([\w-]+)(?:: [^>]*)? -->)\n.*?\n?(<!-- end -->)", part, page, flags=re.DOTALL)


def fill(path: pathlib.Path, parts: Mapping[str, str]) -> bool:
    """Writes them into the file; whether that changes it."""
    before = path.read_text()
    after = filled(before, parts)
    if after != before:
        path.write_text(after)
    return after != before
