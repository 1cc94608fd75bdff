import BulwarkCore
import BulwarkProtobuf
import BulwarkSwiftProtobuf
import BulwarkTestKit
import Foundation
import SwiftProtobuf
import SwiftProtobufMessages
import TestMessages
import Testing

import struct NIOCore.ByteBuffer

@Suite("Both codecs have the same bytes for a message")
struct SameBytesTests {
  @Test("of scalars, at the ends of what they hold")
  func scalars() throws {
    try Self.expectSame(
      Scalars.with {
        $0.doubleValue = -0.0
        $0.floatValue = .infinity
        $0.int32Value = .min
        $0.int64Value = .min
        $0.uint32Value = .max
        $0.uint64Value = .max
        $0.sint32Value = .min
        $0.sint64Value = .max
        $0.fixed32Value = .max
        $0.fixed64Value = 1
        $0.sfixed32Value = -1
        $0.sfixed64Value = .min
        $0.boolValue = true
        $0.stringValue = "NUL \0 and \u{1F6E1}"
        $0.bytesValue = [0, 255]
        $0.colorValue = .negative
      },
      Bulwark_Test_Scalars.with {
        $0.doubleValue = -0.0
        $0.floatValue = .infinity
        $0.int32Value = .min
        $0.int64Value = .min
        $0.uint32Value = .max
        $0.uint64Value = .max
        $0.sint32Value = .min
        $0.sint64Value = .max
        $0.fixed32Value = .max
        $0.fixed64Value = 1
        $0.sfixed32Value = -1
        $0.sfixed64Value = .min
        $0.boolValue = true
        $0.stringValue = "NUL \0 and \u{1F6E1}"
        $0.bytesValue = Data([0, 255])
        $0.colorValue = .negative
      }
    )
  }

  @Test("of optional fields: absent, and there with the default")
  func presence() throws {
    try Self.expectSame(Optionals(), Bulwark_Test_Optionals())
    try Self.expectSame(
      Optionals.with {
        $0.int32Value = 0
        $0.stringValue = ""
        $0.colorValue = .unspecified
        $0.messageValue = Scalars()
      },
      Bulwark_Test_Optionals.with {
        $0.int32Value = 0
        $0.stringValue = ""
        $0.colorValue = .unspecified
        $0.messageValue = Bulwark_Test_Scalars()
      }
    )
  }

  @Test("of lists, packed or not, and of maps, oneofs and messages in messages")
  func shapes() throws {
    try Self.expectSame(
      Repeateds.with {
        $0.sint64s = [-1, 300]; $0.strings = ["", "a"]; $0.colors = [.red, .unrecognized(9)]
      },
      Bulwark_Test_Repeateds.with {
        $0.sint64S = [-1, 300]; $0.strings = ["", "a"]; $0.colors = [.red, .UNRECOGNIZED(9)]
      }
    )
    try Self.expectSame(
      Unpackeds.with {
        $0.int32s = [-1, 1]; $0.bools = [true, false]
      },
      Bulwark_Test_Unpackeds.with {
        $0.int32S = [-1, 1]; $0.bools = [true, false]
      }
    )
    try Self.expectSame(
      Maps.with {
        $0.bools = [true: "yes"]; $0.messages = ["k": .with { $0.boolValue = true }]
      },
      Bulwark_Test_Maps.with {
        $0.bools = [true: "yes"]; $0.messages = ["k": .with { $0.boolValue = true }]
      }
    )
    try Self.expectSame(
      Choice.with {
        $0.value = .choice(.with { $0.value = .ratio(0) }); $0.after = 1
      },
      Bulwark_Test_Choice.with {
        $0.choice = .with { $0.ratio = 0 }; $0.after = 1
      }
    )
  }

  @Test("of the well-known types, which each library has of its own")
  func wellKnownTypes() throws {
    try Self.expectSame(
      WellKnown.with {
        $0.duration = .with {
          $0.seconds = -5; $0.nanos = -1
        }
        $0.empty = ProtobufEmpty()
        $0.when = .at(.with { $0.seconds = 9 })
        $0.integers = [.with { $0.value = 7 }]
      },
      Bulwark_Test_WellKnown.with {
        $0.duration = .with {
          $0.seconds = -5; $0.nanos = -1
        }
        $0.empty = Google_Protobuf_Empty()
        $0.at = .with { $0.seconds = 9 }
        $0.integers = [.with { $0.value = 7 }]
      }
    )
  }

  @Test("that is made at random: one reads what the other writes", arguments: 0..<8 as Range<UInt64>)
  func random(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<100 {
      let tree = Self.tree(&random, depth: 4)
      let read = try MessageCodec<Bulwark_Test_Tree>.swiftProtobuf.decode(Self.bytes(tree, .protobuf))
      #expect(try MessageCodec<Tree>.protobuf.decode(Self.bytes(read, .swiftProtobuf)) == tree)
    }
  }

  private static func tree(_ random: inout SeededGenerator, depth: Int) -> Tree {
    var tree = Tree()
    tree.value = .random(in: .min ... .max, using: &random)
    guard depth > 0 else { return tree }
    if random.oneIn(2) { tree.child = Self.tree(&random, depth: depth - 1) }
    if random.oneIn(2) { tree.branch = .with { $0.tree = Self.tree(&random, depth: depth - 1) } }
    for _ in 0..<Int.random(in: 0..<3, using: &random) {
      tree.children.append(Self.tree(&random, depth: depth - 1))
      tree.named["\(Int.random(in: 0..<99, using: &random))"] = Self.tree(&random, depth: depth - 1)
    }
    return tree
  }

  private static func bytes<Message>(_ message: Message, _ codec: MessageCodec<Message>) throws -> ByteBuffer
  {
    var buffer = ByteBuffer()
    try codec.encode(message, &buffer)
    return buffer
  }

  /// The two are equal in bytes, and each is read from the bytes of the other.
  private static func expectSame<Ours: ProtobufMessage, Theirs: SwiftProtobuf.Message & Equatable>(
    _ ours: Ours,
    _ theirs: Theirs
  ) throws {
    let bytes = try Self.bytes(ours, .protobuf)
    #expect(try Self.bytes(theirs, .swiftProtobuf) == bytes)
    #expect(try MessageCodec<Theirs>.swiftProtobuf.decode(bytes) == theirs)
    #expect(try MessageCodec<Ours>.protobuf.decode(bytes) == ours)
  }
}
