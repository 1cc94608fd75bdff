"""A stock gRPC client looks at a running validator: its status, the validator set and the last blocks.

    python Examples/python/look_in.py HOST:PORT [--blocks N] [--timeout SECONDS]

Needs PyPI's grpcio and grpcio-tools. The stubs are generated from Protos/ when the program starts.
"""

import argparse
import importlib
import pathlib
import sys
import tempfile

import grpc
from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parents[2]


def generate_stubs():
    """The modules consensus_pb2 and consensus_pb2_grpc, fresh from the .proto."""
    directory = tempfile.TemporaryDirectory(prefix="look-in-")
    google = pathlib.Path(protoc.__file__).with_name("_proto")
    arguments = ["protoc", f"-I{ROOT}/Protos", f"-I{google}"]
    arguments += [f"--python_out={directory.name}", f"--grpc_python_out={directory.name}"]
    if protoc.main([*arguments, "bulwark/policy.proto", "consensus/v1/consensus.proto"]) != 0:
        sys.exit("protoc could not generate the stubs")
    sys.path.insert(0, directory.name)
    messages = importlib.import_module("consensus.v1.consensus_pb2")
    services = importlib.import_module("consensus.v1.consensus_pb2_grpc")
    directory.cleanup()
    return messages, services


def short(value: bytes) -> str:
    return value[:6].hex() + ("…" if len(value) > 6 else "") if value else "none"


def print_status(status) -> None:
    state = "syncing" if status.syncing else "in step"
    print(f"height {status.height}, round {status.round}, {state}, last block {short(status.last_block_hash)}")


def print_validators(stub, messages, timeout: float) -> None:
    token, validators = "", []
    while True:
        page = stub.GetValidatorSet(messages.GetValidatorSetRequest(page_token=token), timeout=timeout)
        validators += page.validators
        token = page.next_page_token
        if not token:
            break
    total = sum(validator.voting_power for validator in validators)
    print(f"{len(validators)} validators, total power {total}")
    for index, validator in enumerate(validators):
        share = 100 * validator.voting_power / total if total else 0
        name = validator.moniker or "(no name)"
        print(f"  {index}  {name:<14} {short(validator.address)}  power {validator.voting_power}  {share:.1f} %")


def print_blocks(stub, messages, head: int, count: int, timeout: float) -> None:
    first = max(1, head - count + 1)
    if head < first:
        print("no block yet")
        return
    request = messages.SyncBlocksRequest(from_height=first, to_height=head)
    for answer in stub.SyncBlocks(request, timeout=timeout):
        for block in answer.blocks:
            header = block.header
            size = sum(map(len, block.txs))
            signers = len(block.last_commit.signatures)
            print(
                f"  height {header.height:<5} round {header.round}  {len(block.txs):>4} txs {size:>8} bytes"
                f"  proposer {short(header.proposer_address)}  {signers} signatures on its parent"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", metavar="HOST:PORT")
    parser.add_argument("--blocks", type=int, default=5, help="how many of the last blocks to show (default 5)")
    parser.add_argument("--timeout", type=float, default=5, help="seconds for each call (default 5)")
    options = parser.parse_args()

    messages, services = generate_stubs()
    with grpc.insecure_channel(options.target) as channel:
        stub = services.ConsensusServiceStub(channel)
        try:
            status = stub.GetStatus(messages.GetStatusRequest(), timeout=options.timeout)
            print_status(status)
            print_validators(stub, messages, options.timeout)
            print_blocks(stub, messages, status.height, options.blocks, options.timeout)
        except grpc.RpcError as error:
            sys.exit(f"{options.target}: {error.code().name}: {error.details()}")


main()
