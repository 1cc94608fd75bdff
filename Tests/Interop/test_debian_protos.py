"""The .proto files that Debian ships generate, and what is generated compiles."""

import pathlib
import subprocess

import pytest
from google.protobuf import descriptor_pb2

from programs import ROOT

GRPC = pathlib.Path("/usr/share/grpc-proto")
GOOGLE = pathlib.Path("/usr/include")
BUILD = ROOT / ".build/debug"
# These import files that no Debian package has.
INCOMPLETE = {"grpc/service_config/service_config.proto", "grpc/tls/provider/meshca/experimental/config.proto"}
WELL_KNOWN = {
    f"google/protobuf/{name}.proto"
    for name in ("any", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers")
}

FILES = sorted(str(path.relative_to(GRPC)) for path in GRPC.rglob("*.proto"))
FILES += sorted(str(path.relative_to(GOOGLE)) for path in (GOOGLE / "google/protobuf").glob("*.proto"))

pytestmark = pytest.mark.usefixtures("needs_our_programs")


def run(*command: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout}{result.stderr}"


def with_imports(file: str, directory: pathlib.Path) -> list[str]:
    """The file and what it imports, but for what the runtime brings along."""
    description = directory / "set"
    run("protoc", f"-I{GRPC}", f"-I{GOOGLE}", "--include_imports", f"--descriptor_set_out={description}", file)
    files = descriptor_pb2.FileDescriptorSet.FromString(description.read_bytes()).file
    return [each.name for each in files if each.name == file or each.name not in WELL_KNOWN]


@pytest.fixture(scope="module")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """swiftc as SwiftPM calls it, with the modules of the debug build."""
    maps = [ROOT / "Sources" / name / "module.modulemap" for name in ("CNghttp2", "CProtobufC")]
    maps += BUILD.glob("*.build/module.modulemap")
    for checkout in ("swift-atomics", "swift-nio", "swift-system"):
        maps += (ROOT / ".build/checkouts" / checkout / "Sources").glob("*/include/module.modulemap")
    flags = [flag for path in maps for flag in ("-Xcc", f"-fmodule-map-file={path}")]
    cache = tmp_path_factory.mktemp("modules")
    return [
        *("swiftc", "-typecheck", "-warnings-as-errors", "-swift-version", "6", "-module-name", "Generated"),
        *("-enable-upcoming-feature", "InternalImportsByDefault", "-enable-upcoming-feature", "ExistentialAny"),
        *("-enable-upcoming-feature", "MemberImportVisibility", "-I", str(BUILD / "Modules")),
        *("-module-cache-path", str(cache), *flags),
    ]


@pytest.mark.parametrize("file", FILES)
def test_what_debian_ships_generates_and_compiles(compiler, tmp_path, file):
    if file in INCOMPLETE:
        pytest.skip("imports what Debian does not ship")
    run(
        *("protoc", f"-I{GRPC}", f"-I{GOOGLE}", f"--plugin=protoc-gen-bulwark={BUILD / 'protoc-gen-bulwark'}"),
        *(f"--bulwark_out={tmp_path}", "--bulwark_opt=FileNaming=PathToUnderscores", *with_imports(file, tmp_path)),
    )
    sources = sorted(str(path) for path in tmp_path.glob("*.swift"))
    assert sources, "nothing was generated"
    run(*compiler, *sources)
