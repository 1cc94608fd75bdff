"""Python messages and stubs of .proto files, generated below .build when they are first needed."""

import hashlib
import importlib
import importlib.metadata
import pathlib
import shutil
import sys
import tempfile

import grpc
from grpc_tools import protoc

from programs import ROOT


def generate(include: pathlib.Path, *files: pathlib.Path, services: bool = True) -> None:
    """Generates Python for .proto files, unless that was done before, and lets it be imported.

    The directory is named after what is in the files, and appears whole: several processes may want it at once.
    """
    content = [(str(file.relative_to(include)), file.read_bytes()) for file in files]
    version = importlib.metadata.version("grpcio-tools")
    name = hashlib.sha256(repr((version, services, content)).encode()).hexdigest()[:16]
    directory = ROOT / ".build" / "python-stubs" / name
    if not directory.exists():
        directory.parent.mkdir(parents=True, exist_ok=True)
        unfinished = pathlib.Path(tempfile.mkdtemp(dir=directory.parent))
        try:
            _run_protoc(unfinished, include, files, services)
            unfinished.rename(directory)
        except OSError:
            # Another process was faster: a directory that is there and has files in it is not replaced.
            if not directory.exists():
                raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    sys.path.insert(0, str(directory))
    # Files of the package `grpc` join the one that grpcio has.
    grpc.__path__.append(str(directory / "grpc"))


def _run_protoc(
    directory: pathlib.Path, include: pathlib.Path, files: tuple[pathlib.Path, ...], services: bool
) -> None:
    arguments = [
        "protoc",
        f"-I{include}",
        f"-I{pathlib.Path(protoc.__file__).with_name('_proto')}",
        f"--python_out={directory}",
    ]
    if services:
        arguments.append(f"--grpc_python_out={directory}")
    arguments += [str(file.relative_to(include)) for file in files]
    if protoc.main(arguments) != 0:
        raise RuntimeError(f"protoc failed: {' '.join(arguments)}")


FILES = (
    "bulwark/policy.proto",
    "bench/echo.proto",
    "interop/interop.proto",
    "interop/tally.proto",
    "consensus/v1/consensus.proto",
    "consensus/v1/mock.proto",
    "grpc/testing/empty.proto",
    "grpc/testing/messages.proto",
    "grpc/testing/test.proto",
    "xds/data/orca/v3/orca_load_report.proto",
    "xds/service/orca/v3/orca.proto",
)
generate(
    ROOT / "Protos",
    *(ROOT / "Protos" / name for name in FILES),
)

bench = importlib.import_module("bench.echo_pb2")
bench_grpc = importlib.import_module("bench.echo_pb2_grpc")
interop = importlib.import_module("interop.interop_pb2")
interop_grpc = importlib.import_module("interop.interop_pb2_grpc")
tally = importlib.import_module("interop.tally_pb2")
tally_grpc = importlib.import_module("interop.tally_pb2_grpc")
consensus = importlib.import_module("consensus.v1.consensus_pb2")
consensus_grpc = importlib.import_module("consensus.v1.consensus_pb2_grpc")
mock = importlib.import_module("consensus.v1.mock_pb2")
mock_grpc = importlib.import_module("consensus.v1.mock_pb2_grpc")
testing_empty = importlib.import_module("grpc.testing.empty_pb2")
testing = importlib.import_module("grpc.testing.messages_pb2")
testing_grpc = importlib.import_module("grpc.testing.test_pb2_grpc")
orca_report = importlib.import_module("xds.data.orca.v3.orca_load_report_pb2")
orca = importlib.import_module("xds.service.orca.v3.orca_pb2")
orca_grpc = importlib.import_module("xds.service.orca.v3.orca_pb2_grpc")
