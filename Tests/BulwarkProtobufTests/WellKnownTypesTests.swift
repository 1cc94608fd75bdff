import BulwarkProtobuf
import TestMessages
import Testing

@Suite("The well-known types")
struct WellKnownTypesTests {
  @Test(
    "a duration becomes a message and comes back",
    arguments: [
      (.milliseconds(1500), 1, 500_000_000), (.milliseconds(-1500), -1, -500_000_000), (.zero, 0, 0),
    ]
      as [(Swift.Duration, Int64, Int32)]
  )
  func durations(duration: Swift.Duration, seconds: Int64, nanos: Int32) {
    let message = ProtobufDuration(duration)
    #expect(message.seconds == seconds)
    #expect(message.nanos == nanos)
    #expect(Swift.Duration(message) == duration)
  }

  @Test("a duration of any size is taken from a peer")
  func extremeDurations() {
    let message = ProtobufDuration.with {
      $0.seconds = .min; $0.nanos = .max
    }
    #expect(Swift.Duration(message) < .zero)
  }

  @Test("an Any holds a message, and gives it back as that type only")
  func any() throws {
    let leaf = Leaf.with { $0.a = 7 }
    let any = try ProtobufAny(leaf)
    #expect(any.typeUrl == "type.googleapis.com/bulwark.test.Leaf")
    #expect(try any.message(Leaf.self) == leaf)
    #expect(try any.message(Holder.self) == nil)
    #expect(!ProtobufAny().holds(Leaf.self))
    let broken = ProtobufAny.with {
      $0.typeUrl = "x/bulwark.test.Leaf"; $0.value = [0]
    }
    #expect(throws: ProtobufDecodingError.self) { try broken.message(Leaf.self) }
  }
}
