"""Stock clients ask our servers how they are and what they serve: grpcio's health and reflection packages."""

import grpc
import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from stubs import consensus, interop

Status = health_pb2.HealthCheckResponse
SERVICES = {
    "interop_server": "bulwark.interop.Interop",
    "consensus_node": "consensus.v1.ConsensusService",
}

pytestmark = pytest.mark.usefixtures("needs_our_programs")


@pytest.fixture(params=sorted(SERVICES))
def served(request: pytest.FixtureRequest):
    """A server of ours, a channel to it and the name of its service."""
    server = request.getfixturevalue(request.param)
    with grpc.insecure_channel(server.target) as channel:
        yield server, channel, SERVICES[request.param]


def test_the_health_of_a_service_is_told(served):
    _, channel, service = served
    stub = health_pb2_grpc.HealthStub(channel)
    for name in ("", service):
        assert stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=5).status == Status.SERVING
    with pytest.raises(grpc.RpcError) as unknown:
        stub.Check(health_pb2.HealthCheckRequest(service="no.Such"), timeout=5)
    assert unknown.value.code() == grpc.StatusCode.NOT_FOUND


def test_every_service_is_listed_with_its_health(served):
    _, channel, service = served
    statuses = health_pb2_grpc.HealthStub(channel).List(health_pb2.HealthListRequest(), timeout=5).statuses
    assert {"", service, "grpc.health.v1.Health"} <= set(statuses)
    assert {each.status for each in statuses.values()} == {Status.SERVING}


def test_a_watcher_hears_that_the_server_stops_and_does_not_hold_it(served):
    server, channel, service = served
    stub = health_pb2_grpc.HealthStub(channel)
    unknown = stub.Watch(health_pb2.HealthCheckRequest(service="no.Such"), timeout=15)
    assert next(unknown).status == Status.SERVICE_UNKNOWN
    watch = stub.Watch(health_pb2.HealthCheckRequest(service=service), timeout=15)
    assert next(watch).status == Status.SERVING
    server.stop()
    assert next(watch).status == Status.NOT_SERVING
    with pytest.raises(grpc.RpcError) as ended:
        next(watch)
    assert ended.value.code() == grpc.StatusCode.UNAVAILABLE


def test_reflection_describes_every_service(served):
    _, channel, service = served
    database = ProtoReflectionDescriptorDatabase(channel)
    names = set(database.get_services())
    assert {service, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"} <= names
    pool = DescriptorPool(database)
    ours = {each.full_name: each for module in (interop, consensus) for each in module.DESCRIPTOR.services_by_name.values()}
    for name in names:
        described = pool.FindServiceByName(name)
        if name in ours:
            assert [m.name for m in described.methods] == [m.name for m in ours[name].methods]
            assert [m.input_type.full_name for m in described.methods] == [
                m.input_type.full_name for m in ours[name].methods
            ]


@pytest.mark.parametrize("module", [interop, consensus], ids=["interop", "consensus"])
def test_a_file_is_what_protoc_makes_of_it(request, module):
    server = request.getfixturevalue("interop_server" if module is interop else "consensus_node")
    with grpc.insecure_channel(server.target) as channel:
        received = ProtoReflectionDescriptorDatabase(channel).FindFileByName(module.DESCRIPTOR.name)
    expected = descriptor_pb2.FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(expected)
    clear_json_names(received)
    clear_json_names(expected)
    assert received == expected


def clear_json_names(message) -> None:
    """protoc tells plugins the JSON name of each field, and leaves it out of what it puts into programs."""
    if isinstance(message, descriptor_pb2.FieldDescriptorProto):
        message.ClearField("json_name")
    for field, value in message.ListFields():
        if field.message_type is not None:
            for each in value if field.is_repeated else [value]:
                clear_json_names(each)


def test_what_is_not_there_is_an_error_in_the_stream(interop_server):
    requests = [
        reflection_pb2.ServerReflectionRequest(file_by_filename="no.proto"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="no.Such"),
        reflection_pb2.ServerReflectionRequest(all_extension_numbers_of_type="no.Such"),
        reflection_pb2.ServerReflectionRequest(),
        reflection_pb2.ServerReflectionRequest(list_services=""),
    ]
    with grpc.insecure_channel(interop_server.target) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        responses = list(stub.ServerReflectionInfo(iter(requests), timeout=5))
    assert [each.error_response.error_code for each in responses[:4]] == [5, 5, 5, 3]
    assert responses[4].HasField("list_services_response")
    assert [each.original_request for each in responses] == requests
