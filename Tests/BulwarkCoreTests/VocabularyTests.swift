import BulwarkCore
import Testing

@Suite struct VocabularyTests {
  // MARK: - Instants

  @Test func instantsSaturateInsteadOfWrapping() {
    let zero = MonotonicInstant(nanoseconds: 0)
    let last = MonotonicInstant.distantFuture
    let first = MonotonicInstant(nanoseconds: .min)
    #expect(last.advanced(by: .nanoseconds(1)) == last)
    #expect(first.advanced(by: .nanoseconds(-1)) == first)
    #expect(zero.advanced(by: .seconds(Int64.max)) == last)
    #expect(zero.advanced(by: .seconds(Int64.min)) == first)
    #expect(first.duration(to: last) == .nanoseconds(Int64.max))
    #expect(last.duration(to: first) == .nanoseconds(Int64.min))
  }

  @Test func instantsAreAPlainLineOfNanoseconds() {
    let instant = MonotonicInstant(nanoseconds: 5)
    #expect(instant.advanced(by: .microseconds(2)).nanoseconds == 2_005)
    #expect(instant.advanced(by: .nanoseconds(-6)).nanoseconds == -1)
    #expect(instant.duration(to: MonotonicInstant(nanoseconds: 2)) == .nanoseconds(-3))
    #expect(MonotonicInstant(nanoseconds: 2) < instant && instant < .distantFuture)
    #expect(instant.description == "5 ns")
  }

  @Test func durationsBecomeWholeNanosecondsSaturated() {
    #expect(
      Duration(secondsComponent: 1, attosecondsComponent: 999_999_999).saturatedNanoseconds == 1_000_000_000
    )
    #expect(Duration.seconds(Int64.max).saturatedNanoseconds == .max)
    #expect(Duration.seconds(Int64.min).saturatedNanoseconds == .min)
    #expect(Duration.nanoseconds(Int64.max).saturatedNanoseconds == .max)
    let justAbove = Duration.nanoseconds(Int64.max) + .nanoseconds(1)
    #expect(justAbove.saturatedNanoseconds == .max)
  }

  // MARK: - Codes

  @Test func everyCodeHasItsNumberAndItsName() {
    let all: [(StatusCode, UInt8, String)] = [
      (.ok, 0, "OK"), (.cancelled, 1, "CANCELLED"), (.unknown, 2, "UNKNOWN"),
      (.invalidArgument, 3, "INVALID_ARGUMENT"), (.deadlineExceeded, 4, "DEADLINE_EXCEEDED"),
      (.notFound, 5, "NOT_FOUND"), (.alreadyExists, 6, "ALREADY_EXISTS"),
      (.permissionDenied, 7, "PERMISSION_DENIED"), (.resourceExhausted, 8, "RESOURCE_EXHAUSTED"),
      (.failedPrecondition, 9, "FAILED_PRECONDITION"), (.aborted, 10, "ABORTED"),
      (.outOfRange, 11, "OUT_OF_RANGE"), (.unimplemented, 12, "UNIMPLEMENTED"),
      (.internalError, 13, "INTERNAL"), (.unavailable, 14, "UNAVAILABLE"), (.dataLoss, 15, "DATA_LOSS"),
      (.unauthenticated, 16, "UNAUTHENTICATED"),
    ]
    for (code, number, name) in all {
      #expect(code.rawValue == number && code.description == name)
      #expect(StatusCode(wireValue: Int(number)) == code)
    }
  }

  @Test(arguments: [-1, 17, 255, 256, Int.max, Int.min])
  func aNumberThatIsNoCodeIsUnknown(number: Int) {
    #expect(StatusCode(wireValue: number) == .unknown)
  }

  // MARK: - Errors

  private struct Secret: Error, CustomStringConvertible {
    var description: String { "the password is 1234" }
  }

  @Test func anErrorIsNeverOK() {
    #expect(RPCError(code: .ok, message: "").code == .unknown)
  }

  @Test func anErrorTravelsAsItIs() {
    let error = RPCError(code: .aborted, message: "m", metadata: ["a": "1"], origin: .policy)
    #expect(RPCError(handlerError: error) == error)
    #expect(error.description == "ABORTED: m" && error.origin.description == "policy")
  }

  @Test func cancellationTravelsAsCancelled() {
    #expect(RPCError(handlerError: CancellationError()).code == .cancelled)
  }

  @Test func aForeignErrorTellsThePeerNothing() {
    let error = RPCError(handlerError: Secret())
    #expect(error.code == .unknown)
    #expect(!error.message.contains("1234") && error.metadata.isEmpty)
  }

  // MARK: - Methods

  @Test func aMethodHasItsPath() {
    let method = MethodDescriptor(service: "a.v1.B", method: "C", kind: .unary)
    #expect(method.path == "/a.v1.B/C" && method.description == "a.v1.B/C")
    #expect(method != MethodDescriptor(service: "a.v1.B", method: "C", kind: .bidirectional))
    #expect(Peer(address: "unix:/x").description == "unix:/x")
  }

  @Test func whetherAMethodMayBeRepeatedDoesNotTellItFromAnother() {
    let method = MethodDescriptor(service: "a.v1.B", method: "C", kind: .unary)
    let repeatable = MethodDescriptor(service: "a.v1.B", method: "C", kind: .unary, idempotency: .idempotent)
    #expect(method.idempotency == .unknown)
    #expect(method == repeatable && Set([method]).contains(repeatable))
  }
}
