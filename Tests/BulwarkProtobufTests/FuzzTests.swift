import BulwarkProtobuf
import TestMessages
import Testing

@Suite("No bytes stop the process")
struct FuzzTests {
  private static let types: [any ProtobufMessage.Type] = [
    Scalars.self, Optionals.self, Repeateds.self, Unpackeds.self, Maps.self, Choice.self, Tree.self,
    Holder.self,
    Empty.self, Numbers.self, Presence.self, Required.self, Grouped.self, WellKnown.self,
  ]

  private static func sample() throws -> [UInt8] {
    try Tree.with {
      $0.value = 5
      $0.child = .with { $0.children = [Tree(), .with { $0.value = 300 }] }
      $0.named = ["key": .with { $0.value = -1 }]
    }.serializedBytes()
      + Repeateds.with {
        $0.strings = ["one", "two"]
        $0.doubles = [1, 2]
        $0.bools = [true]
        $0.messages = [.with { $0.stringValue = "text" }]
      }.serializedBytes()
  }

  @Test("a message that is cut at any byte is decoded or refused")
  func truncation() throws {
    let message = Maps.with {
      $0.strings = ["key": [1, 2, 3]]
      $0.messages = [
        "m": .with {
          $0.stringValue = "text"; $0.fixed64Value = 1
        }
      ]
    }
    let bytes = try message.serializedBytes()
    var refusals = 0
    for length in 0..<bytes.count {
      do throws(ProtobufDecodingError) {
        _ = try Maps(serializedBytes: bytes.prefix(length))
      } catch {
        #expect(error.reason == .truncated)
        refusals += 1
      }
    }
    // Only where a field ends are the bytes a message again: before the first, and between the two.
    #expect(refusals == bytes.count - 2)
  }

  @Test(
    "random changes of a message: what is decoded is encoded, and decoded again to the same",
    arguments: 0..<8
  )
  func mutation(seed: Int) throws {
    var random = SplitMix(seed: UInt64(seed))
    let sample = try Self.sample()
    for _ in 0..<400 {
      var bytes = sample
      for _ in 0..<random.below(6) + 1 {
        let index = random.below(bytes.count)
        switch random.below(4) {
        case 0: bytes[index] = UInt8(random.below(256))
        case 1: bytes.remove(at: index)
        case 2: bytes.insert(UInt8(random.below(256)), at: index)
        default:
          bytes.insert(contentsOf: bytes[index..<min(index + 8, bytes.count)], at: random.below(bytes.count))
        }
      }
      try Self.expectStable(bytes)
    }
  }

  @Test("random bytes", arguments: 0..<4)
  func randomBytes(seed: Int) throws {
    var random = SplitMix(seed: UInt64(seed) &+ 1000)
    for _ in 0..<1000 {
      let count = random.below(40)
      try Self.expectStable(
        (0..<count).map { _ in UInt8(random.below(2) == 0 ? random.below(32) : random.below(256)) }
      )
    }
  }

  private static func expectStable(_ bytes: [UInt8]) throws {
    for type in Self.types { try Self.expectStable(bytes, type) }
  }

  private static func expectStable<Message: ProtobufMessage>(_ bytes: [UInt8], _ type: Message.Type) throws {
    guard let message = try? Message(serializedBytes: bytes) else { return }
    let encoded = try message.serializedBytes()
    let again = try Message(serializedBytes: encoded).serializedBytes()
    #expect(again == encoded, "\(type) \(bytes)")
  }
}
