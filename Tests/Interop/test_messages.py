"""Messages against Python's protobuf: our bytes read there, theirs here, and bad bytes refused alike."""

import importlib
import struct
import subprocess

import pytest
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import stubs
from programs import ROOT, binary

MAX_DEPTH = 100
# The same examples every time: a run that fails today fails tomorrow. `--hypothesis-seed` looks elsewhere.
EXAMPLES = settings(
    max_examples=100,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def message_types() -> list[Descriptor]:
    """Every message of our .proto files and of the runtime's test files, the nested ones too."""
    include = ROOT / "Tests/BulwarkProtobufTests/Protos"
    names = ["bench/echo.proto", "interop/interop.proto", "consensus/v1/consensus.proto", "consensus/v1/mock.proto"]
    if include.is_dir():
        files = sorted(include.rglob("*.proto"))
        stubs.generate(include, *files, services=False)
        for file in files:
            name = str(file.relative_to(include))
            importlib.import_module(name.removesuffix(".proto").replace("/", ".").replace("-", "_") + "_pb2")
            names.append(name)

    found: list[Descriptor] = []

    def visit(descriptor: Descriptor) -> None:
        if not descriptor.GetOptions().map_entry:
            found.append(descriptor)
            for nested in descriptor.nested_types:
                visit(nested)

    for name in names:
        for descriptor in descriptor_pool.Default().FindFileByName(name).message_types_by_name.values():
            visit(descriptor)
    return found


TYPES = message_types()
every_message = pytest.mark.parametrize("descriptor", TYPES, ids=lambda descriptor: descriptor.full_name)


class Crosscheck:
    """`message-crosscheck`: decodes what it is given and encodes it again."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([binary("message-crosscheck")], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, name: str, data: bytes) -> bytes | str:
        """The message encoded again, or why it was refused."""
        body = struct.pack(">B", len(name)) + name.encode() + data
        self.process.stdin.write(struct.pack(">I", len(body)) + body)
        self.process.stdin.flush()
        head = self.process.stdout.read(4)
        assert len(head) == 4, f"message-crosscheck died of {name} {data.hex()}"
        answer = self.process.stdout.read(struct.unpack(">I", head)[0])
        assert answer[0] in (0, 1), f"message-crosscheck does not know {name}"
        return answer[1:] if answer[0] == 0 else answer[1:].decode()

    def close(self) -> None:
        self.process.stdin.close()
        assert self.process.wait(10) == 0


def python_alone(name: str, data: bytes) -> bytes | str:
    """What stands in for our program when the suite itself is judged."""
    try:
        message = message_class(descriptor_pool.Default().FindMessageTypeByName(name)).FromString(data)
        return message.SerializePartialToString()
    except DecodeError as error:
        return str(error)


@pytest.fixture(scope="module")
def recode(request: pytest.FixtureRequest):
    if request.config.getoption("--self-check"):
        yield python_alone
        return
    crosscheck = Crosscheck()
    yield crosscheck
    crosscheck.close()


def message_class(descriptor: Descriptor) -> type[Message]:
    return message_factory.GetMessageClass(descriptor)


def same(one: Message, other: Message) -> bool:
    """Equal, where a NaN equals itself."""
    return one == other or one.SerializePartialToString(deterministic=True) == other.SerializePartialToString(
        deterministic=True
    )


# Messages as a user would build them

INTEGERS = {
    **dict.fromkeys(
        (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_SINT32, FieldDescriptor.TYPE_SFIXED32), (-(2**31), 2**31 - 1)
    ),
    **dict.fromkeys(
        (FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_SINT64, FieldDescriptor.TYPE_SFIXED64), (-(2**63), 2**63 - 1)
    ),
    **dict.fromkeys((FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_FIXED32), (0, 2**32 - 1)),
    **dict.fromkeys((FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_FIXED64), (0, 2**64 - 1)),
}


def scalars(field: FieldDescriptor) -> st.SearchStrategy:
    if field.type in INTEGERS:
        low, high = INTEGERS[field.type]
        return st.sampled_from([low, high, 0, 1, high // 2, high >> 7, 127, 128]) | st.integers(low, high)
    if field.type == FieldDescriptor.TYPE_ENUM:
        known = st.sampled_from([value.number for value in field.enum_type.values])
        return known if field.enum_type.is_closed else known | st.integers(-(2**31), 2**31 - 1)
    return {
        FieldDescriptor.TYPE_DOUBLE: st.floats(),
        FieldDescriptor.TYPE_FLOAT: st.floats(width=32),
        FieldDescriptor.TYPE_BOOL: st.booleans(),
        FieldDescriptor.TYPE_STRING: st.text(max_size=20),
        FieldDescriptor.TYPE_BYTES: st.binary(max_size=40),
    }[field.type]


@st.composite
def messages(draw: st.DrawFn, descriptor: Descriptor, depth: int = 3) -> Message:
    message = message_class(descriptor)()
    for field in descriptor.fields:
        composed = field.message_type is not None
        if not field.is_required and (draw(st.integers(0, 2)) == 0 or (composed and depth == 0)):
            continue
        if composed and field.message_type.GetOptions().map_entry:
            key, value = field.message_type.fields
            entries = getattr(message, field.name)
            for name in draw(st.lists(scalars(key), max_size=3)):
                if value.message_type is None:
                    entries[name] = draw(scalars(value))
                else:
                    entries[name].CopyFrom(draw(messages(value.message_type, depth - 1)))
        elif composed and field.is_repeated:
            for _ in range(draw(st.integers(0, 3))):
                getattr(message, field.name).append(draw(messages(field.message_type, depth - 1)))
        elif composed:
            getattr(message, field.name).CopyFrom(draw(messages(field.message_type, depth - 1)))
            getattr(message, field.name).SetInParent()
        elif field.is_repeated:
            getattr(message, field.name).extend(draw(st.lists(scalars(field), max_size=5)))
        else:
            setattr(message, field.name, draw(scalars(field)))
    return message


@every_message
def test_what_python_writes_we_read_and_write_again(recode, descriptor):
    @EXAMPLES
    @given(messages(descriptor))
    def check(message: Message) -> None:
        answer = recode(descriptor.full_name, message.SerializeToString())
        assert isinstance(answer, bytes), answer
        assert same(message_class(descriptor).FromString(answer), message)

    check()


# Bytes that nobody would write


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


@st.composite
def records(draw: st.DrawFn, depth: int = 2) -> bytes:
    """A field as the wire format knows it, with a number and a type that need not fit any message."""
    number = draw(st.integers(1, 16) | st.sampled_from([0, 19_000, 2**29 - 1, 2**29]))
    kind = draw(st.integers(0, 7))
    tag = varint(number << 3 | kind)
    if kind == 0:
        return tag + draw(st.integers(0, 2**64 - 1).map(varint) | st.binary(min_size=1, max_size=11))
    if kind == 1:
        return tag + draw(st.binary(min_size=8, max_size=8))
    if kind == 2:
        payload = draw(st.binary(max_size=12) | st.text(max_size=4).map(str.encode))
        if depth > 0 and draw(st.booleans()):
            payload = b"".join(draw(st.lists(records(depth - 1), max_size=3)))
        return tag + varint(draw(st.just(len(payload)) | st.integers(0, 2**32))) + payload
    if kind == 3 and depth > 0:
        inner = b"".join(draw(st.lists(records(depth - 1), max_size=2)))
        return tag + inner + draw(st.just(varint(number << 3 | 4)) | st.just(b""))
    if kind == 5:
        return tag + draw(st.binary(min_size=4, max_size=4))
    return tag


@st.composite
def mutated(draw: st.DrawFn, descriptor: Descriptor) -> bytes:
    """A message with a few bytes changed, lost, added or repeated."""
    data = bytearray(draw(messages(descriptor, 2)).SerializeToString())
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(["change", "lose", "add", "repeat", "cut"])):
            case "change" if at < len(data):
                data[at] = draw(st.integers(0, 255))
            case "lose":
                del data[at : at + draw(st.integers(1, 3))]
            case "add":
                data[at:at] = draw(st.binary(max_size=3) | records())
            case "repeat":
                data[at:at] = data[at : at + draw(st.integers(1, 20))]
            case "cut":
                del data[at:]
    return bytes(data)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number, and where the next byte stands."""
    number = shift = 0
    while True:
        number |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return number, at


# Where we differ from Python's protobuf, and stand by it.
FIELD_ZERO = "the encoding has no field number 0; Python keeps it as an unknown field"
REQUIRED = "a message without its required fields is none; Python leaves that to its caller"
TEXT = "a string is UTF-8 in proto2 too, as it becomes a Swift String; Python takes any bytes there"
CLOSED = "an enum keeps values that it does not know in proto2 too; Python moves them to the unknown fields"


def is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_unknown_value(field: FieldDescriptor, value: int) -> bool:
    """Whether a closed enum has no such value."""
    if not field.enum_type or not field.enum_type.is_closed:
        return False
    signed = (value + 2**31) % 2**32 - 2**31
    return signed not in field.enum_type.values_by_number


def oddities(descriptor: Descriptor | None, data: bytes) -> set[str]:
    """Which of the differences well-formed bytes can show."""
    found, at = set(), 0
    while at < len(data):
        tag, at = read_varint(data, at)
        number, kind = tag >> 3, tag & 7
        field = descriptor and descriptor.fields_by_number.get(number)
        if number == 0:
            found.add(FIELD_ZERO)
        match kind:
            case 0:
                value, at = read_varint(data, at)
                if field and is_unknown_value(field, value):
                    found.add(CLOSED)
            case 1:
                at += 8
            case 2:
                length, at = read_varint(data, at)
                payload = data[at : at + length]
                at += length
                if field and field.type == FieldDescriptor.TYPE_STRING and not is_utf8(payload):
                    found.add(TEXT)
                if field and field.type == FieldDescriptor.TYPE_MESSAGE:
                    found |= oddities(field.message_type, payload)
                if field and field.enum_type:
                    inner = 0
                    while inner < len(payload):
                        value, inner = read_varint(payload, inner)
                        if is_unknown_value(field, value):
                            found.add(CLOSED)
            case 5:
                at += 4
    return found


def judged_alike(recode, descriptor: Descriptor, data: bytes) -> None:
    theirs = python_alone(descriptor.full_name, data)
    ours = recode(descriptor.full_name, data)
    if isinstance(theirs, str):
        assert isinstance(ours, str), f"{data.hex()}: taken here, there {theirs!r}"
        return
    decoded = message_class(descriptor).FromString(data)
    odd = oddities(descriptor, data) | (set() if decoded.IsInitialized() else {REQUIRED})
    if isinstance(ours, str):
        assert odd & {FIELD_ZERO, REQUIRED, TEXT}, f"{data.hex()}: taken there, here {ours!r}"
    elif CLOSED not in odd:
        again = message_class(descriptor).FromString(ours)
        assert same(again, decoded), f"{data.hex()}: encoded again as {ours.hex()}"


@every_message
def test_random_fields_are_taken_or_refused_alike(recode, descriptor):
    @EXAMPLES
    @given(st.lists(records(), max_size=6).map(b"".join) | st.binary(max_size=40))
    def check(data: bytes) -> None:
        judged_alike(recode, descriptor, data)

    check()


@every_message
def test_mutated_messages_are_taken_or_refused_alike(recode, descriptor):
    @EXAMPLES
    @given(mutated(descriptor))
    def check(data: bytes) -> None:
        judged_alike(recode, descriptor, data)

    check()


RECURSIVE = [
    (descriptor, field)
    for descriptor in TYPES
    for field in descriptor.fields
    if field.message_type is descriptor and field.type == FieldDescriptor.TYPE_MESSAGE
]


@pytest.mark.parametrize("depth", [MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, 20_000])
@pytest.mark.parametrize(
    ("descriptor", "field"), RECURSIVE, ids=[f"{descriptor.full_name}.{field.name}" for descriptor, field in RECURSIVE]
)
def test_nesting_has_the_same_bound(recode, descriptor, field, depth):
    data = b""
    for _ in range(depth):
        data = varint(field.number << 3 | 2) + varint(len(data)) + data
    judged_alike(recode, descriptor, data)
