import BulwarkProtobuf
import TestMessages
import Testing

import struct NIOCore.ByteBuffer

@Suite("A message comes back from its bytes as it was")
struct RoundTripTests {
  private func expectRoundTrip<Message: ProtobufMessage>(_ message: Message) throws {
    let bytes = try message.serializedBytes()
    #expect(try Message(serializedBytes: bytes) == message)
    // Bytes without contiguous storage, and a buffer that does not begin at its memory's start.
    #expect(try Message(serializedBytes: bytes.lazy.map { $0 }) == message)
    var buffer = ByteBuffer(bytes: [0xff])
    try message.serialize(into: &buffer)
    buffer.moveReaderIndex(forwardBy: 1)
    #expect(buffer.readableBytes == bytes.count)
    #expect(try Message(serializedBuffer: buffer) == message)
  }

  @Test("scalars at their extremes", arguments: [false, true])
  func scalars(atMaximum: Bool) throws {
    try self.expectRoundTrip(
      Scalars.with {
        $0.doubleValue = atMaximum ? .greatestFiniteMagnitude : -.infinity
        $0.floatValue = atMaximum ? .leastNonzeroMagnitude : -.infinity
        $0.int32Value = atMaximum ? .max : .min
        $0.int64Value = atMaximum ? .max : .min
        $0.uint32Value = atMaximum ? .max : 1
        $0.uint64Value = atMaximum ? .max : 1
        $0.sint32Value = atMaximum ? .max : .min
        $0.sint64Value = atMaximum ? .max : .min
        $0.fixed32Value = atMaximum ? .max : 1
        $0.fixed64Value = atMaximum ? .max : 1
        $0.sfixed32Value = atMaximum ? .max : .min
        $0.sfixed64Value = atMaximum ? .max : .min
        $0.boolValue = atMaximum
        $0.stringValue = atMaximum ? "\u{10FFFF}" : "a\0b"
        $0.bytesValue = atMaximum ? [UInt8](repeating: 0xff, count: 70_000) : [0]
        $0.colorValue = atMaximum ? .unrecognized(.max) : .negative
      }
    )
  }

  @Test("optional fields that are absent, at their default, and set")
  func optionals() throws {
    #expect(try Optionals().serializedBytes() == [])
    let defaults = Optionals.with {
      $0.doubleValue = 0
      $0.floatValue = 0
      $0.int32Value = 0
      $0.int64Value = 0
      $0.boolValue = false
      $0.stringValue = ""
      $0.bytesValue = []
      $0.colorValue = .unspecified
      $0.messageValue = Scalars()
    }
    try self.expectRoundTrip(defaults)
    #expect(defaults != Optionals())
    try self.expectRoundTrip(
      Optionals.with {
        $0.stringValue = "text"
        $0.messageValue = .with { $0.boolValue = true }
      }
    )
  }

  @Test(
    "large messages, whether or not most of their bytes are those of their fields",
    arguments: [0, 1, 8, 100, 110, 115, 120, 125, 127, 128, 200, 16_383, 16_384]
  )
  func large(length: Int) throws {
    let message = Repeateds.with {
      $0.strings = [String](repeating: String(repeating: "a", count: length), count: 100)
      $0.byteStrings = [[UInt8]](repeating: [UInt8](repeating: 7, count: length), count: 100)
      $0.messages = [.with { $0.bytesValue = [UInt8](repeating: 8, count: length) }]
    }
    let value = length == 0 ? [] : Wire.delimited(15, [UInt8](repeating: 8, count: length))
    let bytes =
      Wire.repeated(Wire.delimited(14, [UInt8](repeating: 0x61, count: length)), count: 100)
      + Wire.repeated(Wire.delimited(15, [UInt8](repeating: 7, count: length)), count: 100)
      + Wire.delimited(17, value)
    #expect(try message.serializedBytes() == bytes)
    var buffer = ByteBuffer()
    try message.serialize(into: &buffer)
    #expect(buffer == ByteBuffer(bytes: bytes))
    #expect(try Repeateds(serializedBytes: bytes) == message)
  }

  @Test("repeated fields of every type, with and without packing")
  func repeateds() throws {
    let message = Repeateds.with {
      $0.doubles = [0, -0.0, .pi, .infinity]
      $0.floats = [1, -1, 0.5]
      $0.int32s = [.min, -1, 0, 1, .max]
      $0.int64s = [.min, -1, 0, 1, .max]
      $0.uint32s = [0, 127, 128, .max]
      $0.uint64s = [0, 127, 128, .max]
      $0.sint32s = [.min, -1, 0, 1, .max]
      $0.sint64s = [.min, -1, 0, 1, .max]
      $0.fixed32s = [0, .max]
      $0.fixed64s = [0, .max]
      $0.sfixed32s = [.min, .max]
      $0.sfixed64s = [.min, .max]
      $0.bools = [true, false, true]
      $0.strings = ["", "a", "é", "\0"]
      $0.byteStrings = [[], [0], [UInt8](repeating: 7, count: 300)]
      $0.colors = [.red, .negative, .unrecognized(77)]
      $0.messages = [Scalars(), .with { $0.int32Value = 5 }]
    }
    try self.expectRoundTrip(message)
    try self.expectRoundTrip(
      Unpackeds.with {
        $0.doubles = [1, 2]
        $0.int32s = [-1, 300]
        $0.sint64s = [-1]
        $0.fixed32s = [9]
        $0.bools = [true, false]
        $0.colors = [.red]
      }
    )
  }

  @Test("maps of every kind of key and value")
  func maps() throws {
    try self.expectRoundTrip(
      Maps.with {
        $0.int32s = [.min: .max, 0: 0]
        $0.int64s = [.min: .max]
        $0.uint32s = [.max: .min]
        $0.fixed64s = [.max: -0.5]
        $0.bools = [true: "yes", false: ""]
        $0.strings = ["": [], "a\0b": [1, 2]]
        $0.colors = ["r": .red, "u": .unspecified]
        $0.messages = ["empty": Scalars(), "set": .with { $0.stringValue = "x" }]
      }
    )
  }

  @Test("each member of a oneof, at its default too")
  func oneofs() throws {
    let values: [Choice.Value?] = [
      nil, .number(0), .number(-1), .text(""), .text("t"), .data([]), .data([1]), .choice(Choice()),
      .choice(.with { $0.value = .flag(true) }), .leaf(Leaf()), .flag(false), .ratio(0), .color(.unspecified),
    ]
    for value in values {
      try self.expectRoundTrip(
        Choice.with {
          $0.value = value; $0.after = 3
        }
      )
    }
  }

  @Test("messages that contain themselves: directly, in a list, in a map, and through another")
  func recursion() throws {
    var tree = Tree.with {
      $0.value = 7; $0.branch = .with { $0.tree = .with { $0.value = 9 } }
    }
    tree.child = tree
    tree.children = [tree, Tree()]
    tree.named = ["a": tree, "b": Tree()]
    try self.expectRoundTrip(tree)
    var copy = tree
    copy.child?.value = 8
    #expect(tree.child?.value == 7)
    #expect(copy != tree)
  }

  @Test("field numbers at the ends of what a tag can hold")
  func fieldNumbers() throws {
    try self.expectRoundTrip(
      Numbers.with {
        $0.last = 1
        $0.first = 2
        $0.twoBytes = 3
        $0.threeBytes = 4
        $0.direct = 5
        $0.searched = 6
        $0.reservedNeighbour = 7
      }
    )
  }

  @Test("proto2: presence, required fields, and field names in capitals")
  func proto2() throws {
    try self.expectRoundTrip(
      Presence.with {
        $0.number = 0; $0.text = ""; $0.level = .low; $0.packed = [1, 2]
      }
    )
    try self.expectRoundTrip(Required.with { $0.message = Presence() })
    try self.expectRoundTrip(
      Entry.with {
        $0.term = 1; $0.index = 2; $0.type = .entryConfChange; $0.data = [3]
      }
    )
    #expect(Level.top == .high)
    #expect(Required().level == .low)
  }

  @Test("the types that the runtime has, and types of other files and packages")
  func imports() throws {
    try self.expectRoundTrip(
      WellKnown.with {
        $0.timestamp = .with {
          $0.seconds = 1; $0.nanos = 2
        }
        $0.structure = .with { $0.fields = ["a": .with { $0.kind = .listValue(ProtobufListValue()) }] }
        $0.integers = [.with { $0.value = 1 }, ProtobufInt64Value()]
        $0.flags = ["a": .with { $0.value = true }]
        $0.when = .after(.with { $0.seconds = 5 })
      }
    )
    try self.expectRoundTrip(
      Order.with {
        $0.item = .with { $0.name = "n" }
        $0.more = [Item()]
        $0.size = .small
        $0.grades = ["a": .a]
        $0.leaf = .with { $0.label = "l" }
        $0.otherLeaf = .with { $0.a = 1 }
      }
    )
  }

  @Test("an empty message has no bytes, and no bytes are an empty message")
  func empty() throws {
    #expect(try Empty().serializedBytes() == [])
    #expect(try Scalars(serializedBytes: []) == Scalars())
    #expect(try Empty(serializedBuffer: ByteBuffer()) == Empty())
  }

  @Test("a large message takes more than one block of memory on its way out")
  func large() throws {
    try self.expectRoundTrip(
      Repeateds.with {
        $0.strings = (0..<3000).map { "string number \($0)" }
        $0.messages = (0..<3000).map { index in .with { $0.int32Value = Int32(index) } }
      }
    )
  }
}
