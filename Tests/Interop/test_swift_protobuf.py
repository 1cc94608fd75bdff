"""A stock gRPC client calls a service of ours whose messages are swift-protobuf's: each call kind, bad bytes, reflection."""

import grpc
import pytest
from google.protobuf import empty_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from stubs import tally, tally_grpc

YES, NO = tally.Ballot.CHOICE_YES, tally.Ballot.CHOICE_NO


@pytest.fixture
def channel(interop_server):
    with grpc.insecure_channel(interop_server.target) as channel:
        yield channel


@pytest.fixture
def stub(channel):
    return tally_grpc.TallyStub(channel)


@pytest.mark.parametrize(
    "ballot",
    [
        tally.Ballot(voter="ada"),
        tally.Ballot(voter="\0 \N{SHIELD}", choice=YES, shares=0, readings=[-(2**63), 0, 2**63 - 1]),
        tally.Ballot(voter="ada", cast_at=Timestamp(seconds=-1, nanos=999_999_999), signature=bytes(range(256))),
        tally.Ballot(voter="ada", choice=17, notes={"": b"", "why": b"\xff"}, witness=tally.Ballot.Witness(name="eve")),
        tally.Ballot(voter="v" * 1_000_000),
    ],
)
def test_a_message_comes_back_as_it_was(stub, ballot):
    receipt = stub.Cast(ballot, timeout=5)
    assert receipt == tally.Receipt(number=1, ballot=ballot)


def test_fields_that_the_schema_does_not_know_come_back_too(channel):
    cast = channel.unary_unary("/bulwark.tally.Tally/Cast")
    unknown = b"\xfa\x3f\x03abc"
    ballot = tally.Ballot(voter="ada").SerializeToString() + unknown
    assert cast(ballot, timeout=5).endswith(b"ada" + unknown)


def test_the_other_call_kinds(stub):
    receipt = stub.CastAll((tally.Ballot(voter=voter, choice=YES) for voter in "abc"), timeout=5)
    assert (receipt.number, receipt.ballot.voter) == (3, "c")
    receipts = stub.Confirm((tally.Ballot(voter=voter, choice=NO) for voter in "de"), timeout=5)
    assert [(receipt.number, receipt.ballot.voter) for receipt in receipts] == [(4, "d"), (5, "e")]
    standings = list(stub.Watch(tally.WatchRequest(count=2), timeout=5))
    assert standings == [tally.Standing(ballots={YES: 3, NO: 2})] * 2
    assert stub.Reset(empty_pb2.Empty(), timeout=5) == empty_pb2.Empty()
    assert stub.Cast(tally.Ballot(voter="f"), timeout=5).number == 1


def test_an_error_of_the_handler_is_told(stub):
    with pytest.raises(grpc.RpcError) as refused:
        stub.Cast(tally.Ballot(), timeout=5)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.details() == "the ballot has no voter"


@pytest.mark.usefixtures("needs_our_programs")
@pytest.mark.parametrize(
    ("bytes_", "reason"),
    [
        (b"\x0a\x05", "the bytes end inside a field"),
        (b"\x0a\x01\xff", "a string is not UTF-8"),
        (b"\x7b" * 100_000, "messages are nested too deep"),
        (b"\x0a\xff\xff\xff\xff\x07", "a field is malformed"),
    ],
)
def test_bytes_that_are_no_message_are_internal_and_hurt_nothing(channel, stub, bytes_, reason):
    cast = channel.unary_unary("/bulwark.tally.Tally/Cast")
    with pytest.raises(grpc.RpcError) as refused:
        cast(bytes_, timeout=5)
    assert refused.value.code() == grpc.StatusCode.INTERNAL
    assert refused.value.details() == f"cannot decode bulwark.tally.Ballot: {reason}"
    assert stub.Cast(tally.Ballot(voter="ada"), timeout=5).number == 1


@pytest.mark.usefixtures("needs_our_programs")
def test_reflection_describes_the_service_and_what_its_file_imports(channel):
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    service = pool.FindServiceByName("bulwark.tally.Tally")
    wanted = tally.DESCRIPTOR.services_by_name["Tally"]
    assert [method.name for method in service.methods] == [method.name for method in wanted.methods]
    assert service.methods_by_name["Reset"].input_type.full_name == "google.protobuf.Empty"
    ballot = pool.FindMessageTypeByName("bulwark.tally.Ballot")
    assert ballot.fields_by_name["cast_at"].message_type.full_name == "google.protobuf.Timestamp"
