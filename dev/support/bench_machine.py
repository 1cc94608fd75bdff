"""On what, when and with which versions figures were taken."""

import datetime
import os
import pathlib
import re
import subprocess


def first_line(*command: str) -> str:
    try:
        run = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        return "none"
    return (run.stdout + run.stderr).strip().partition("\n")[0]


def machine() -> str:
    processor = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    release = re.search(r'^PRETTY_NAME="(.*)"$', pathlib.Path("/etc/os-release").read_text(), re.MULTILINE)
    return f"{os.cpu_count()} cores of {processor[1] if processor else os.uname().machine}, {release[1]}"


def description(settings: dict) -> dict:
    """What every JSON file of figures begins with."""
    return {
        "machine": machine(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "versions": {
            "Swift": re.search(r"Swift version (\S+)|$", first_line("swift", "--version"))[1],
            "Linux": os.uname().release,
            "libnghttp2": first_line("dpkg-query", "-W", "-f", "${Version}", "libnghttp2-14"),
        },
        "settings": settings,
    }
