"""gRPC C++ on the other end: the two programs of `cpp/`, compiled when they are first needed and when they changed."""

import functools
import pathlib
import shutil
import subprocess

import pytest

from programs import ROOT

SOURCES = pathlib.Path(__file__).with_name("cpp")
BUILT = ROOT / ".build/cpp"
# What each Debian package is known by.
TOOLS = {"g++": "g++", "make": "make", "protoc": "protobuf-compiler", "grpc_cpp_plugin": "protobuf-compiler-grpc"}


def missing_packages() -> list[str]:
    missing = [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
    if not pathlib.Path("/usr/include/grpcpp/grpcpp.h").exists():
        missing.append("libgrpc++-dev")
    return missing


@functools.cache
def _make() -> str:
    """What went wrong; nothing if the programs are there and up to date."""
    if missing := missing_packages():
        return f"gRPC C++ cannot be compiled, these packages are missing: {' '.join(missing)}"
    result = subprocess.run(
        ["make", "--silent", "-j2", "-C", str(SOURCES), f"OUT={BUILT}"], capture_output=True, text=True
    )
    return "" if result.returncode == 0 else f"the C++ peers do not compile:\n{result.stdout}{result.stderr}"


def cpp_binary(name: str) -> str:
    if wrong := _make():
        pytest.fail(wrong, pytrace=False)
    return str(BUILT / name)
