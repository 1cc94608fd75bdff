"""Python messages and stubs of our .proto files, generated when they are first imported."""

import importlib
import pathlib
import sys
import tempfile

from grpc_tools import protoc

from programs import ROOT


def generate(directory: pathlib.Path, include: pathlib.Path, *files: pathlib.Path, services: bool = True) -> None:
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


_directory = tempfile.TemporaryDirectory(prefix="bulwark-stubs-")
generated = pathlib.Path(_directory.name)
generate(
    generated,
    ROOT / "Protos",
    *(ROOT / "Protos" / name for name in ("bench/echo.proto", "interop/interop.proto", "consensus/v1/consensus.proto")),
)
sys.path.insert(0, str(generated))

bench = importlib.import_module("bench.echo_pb2")
bench_grpc = importlib.import_module("bench.echo_pb2_grpc")
interop = importlib.import_module("interop.interop_pb2")
interop_grpc = importlib.import_module("interop.interop_pb2_grpc")
consensus = importlib.import_module("consensus.v1.consensus_pb2")
consensus_grpc = importlib.import_module("consensus.v1.consensus_pb2_grpc")
