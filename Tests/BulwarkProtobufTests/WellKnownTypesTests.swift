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

  @Test("each comes back from its bytes as it was")
  func roundTrips() throws {
    func expectRoundTrip<Message: ProtobufMessage>(_ message: Message) throws {
      #expect(try Message(serializedBytes: message.serializedBytes()) == message)
      #expect(try Message(serializedBytes: []) == Message())
    }
    let kinds: [ProtobufValue.Kind?] = [
      nil, .nullValue(.nullValue), .numberValue(-1.5), .stringValue("s"), .boolValue(true),
      .structValue(.with { $0.fields = ["k": .with { $0.kind = .boolValue(false) }] }),
      .listValue(.with { $0.values = [ProtobufValue(), .with { $0.kind = .numberValue(1) }] }),
    ]
    for kind in kinds { try expectRoundTrip(ProtobufValue.with { $0.kind = kind }) }
    try expectRoundTrip(ProtobufEmpty())
    try expectRoundTrip(ProtobufFieldMask.with { $0.paths = ["a.b", "c"] })
    try expectRoundTrip(
      ProtobufTimestamp.with {
        $0.seconds = -1; $0.nanos = 999_999_999
      }
    )
    try expectRoundTrip(ProtobufDoubleValue.with { $0.value = .pi })
    try expectRoundTrip(ProtobufFloatValue.with { $0.value = -0.5 })
    try expectRoundTrip(ProtobufInt64Value.with { $0.value = .min })
    try expectRoundTrip(ProtobufUInt64Value.with { $0.value = .max })
    try expectRoundTrip(ProtobufInt32Value.with { $0.value = .min })
    try expectRoundTrip(ProtobufUInt32Value.with { $0.value = .max })
    try expectRoundTrip(ProtobufBoolValue.with { $0.value = true })
    try expectRoundTrip(ProtobufStringValue.with { $0.value = "text" })
    try expectRoundTrip(ProtobufBytesValue.with { $0.value = [0, 255] })
    #expect(ProtobufNullValue(rawValue: 3).rawValue == 3 && ProtobufNullValue() == .nullValue)
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
