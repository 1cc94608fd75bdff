import BulwarkProtobuf
import TestMessages
import Testing

@Suite("A message comes back from its bytes as it was")
struct RoundTripTests {
  @Test("scalars at their extremes", arguments: [false, true])
  func scalars(atMaximum: Bool) throws {
    let message = Scalars.with {
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
    let bytes = try message.serializedBytes()
    #expect(try Scalars(serializedBytes: bytes) == message)
  }

  @Test("recursive")
  func recursive() throws {
    var tree = Tree.with {
      $0.value = 7; $0.branch = .with { $0.tree = .with { $0.value = 9 } }
    }
    tree.child = tree
    tree.children = [tree, Tree()]
    tree.named = ["a": tree, "b": Tree()]
    let bytes = try tree.serializedBytes()
    #expect(try Tree(serializedBytes: bytes) == tree)
  }

  @Test("an empty message has no bytes")
  func empty() throws {
    #expect(try Empty().serializedBytes() == [])
    #expect(try Empty(serializedBytes: []) == Empty())
    #expect(try Scalars(serializedBytes: []) == Scalars())
  }
}
