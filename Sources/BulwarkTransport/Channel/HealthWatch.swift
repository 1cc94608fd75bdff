import BulwarkCore
import BulwarkWire
import NIOCore

/// Asks one endpoint whether a service is healthy there, for as long as its connection stands: gRFC A17, over
/// `grpc.health.v1.Health/Watch`.
///
/// Used on the client's event loop only.
///
/// `@unchecked Sendable`: made and used on that loop alone, and what it is told as a call's receiver comes there.
final class HealthWatch: ClientCallReceiver, @unchecked Sendable {
  enum Health: Equatable {
    case unknown
    case serving
    /// The server says that it is not, or says nothing that can be understood.
    case notServing(String)
  }

  private static let method = MethodDescriptor(
    service: "grpc.health.v1.Health",
    method: "Watch",
    kind: .serverStreaming
  )
  private static let maxResponseBytes = 64 * 1024

  private let service: String
  private let backoff: ConnectionBackoff
  private let eventLoop: any EventLoop
  private let subchannel: Subchannel
  /// Until the watch is over.
  private var onChange: ((HealthWatch, Health) -> Void)?

  private var call: ClientCall?
  private var deframer = MessageDeframer(limit: HealthWatch.maxResponseBytes)
  private var health = Health.unknown
  private var failures = 0
  private var timer: DeadlineTimer?
  private var isOver = false

  init(
    of service: String,
    at subchannel: Subchannel,
    backoff: ConnectionBackoff,
    on eventLoop: any EventLoop,
    onChange: @escaping (HealthWatch, Health) -> Void
  ) {
    self.service = service
    self.backoff = backoff
    self.eventLoop = eventLoop
    self.subchannel = subchannel
    self.onChange = onChange
  }

  func begin() {
    guard !self.isOver else { return }
    self.deframer = MessageDeframer(limit: Self.maxResponseBytes)
    let call = ClientCall(
      request: ClientRequest(method: Self.method, maxResponseBytes: Self.maxResponseBytes),
      onlyMessage: HealthMessages.request(service: self.service),
      waitForReady: false,
      receiver: self
    )
    self.call = call
    do throws(RPCError) {
      if try self.subchannel.start(call) { return }
      self.failed(RPCError(code: .resourceExhausted, message: "the connection has no room"))
    } catch {
      self.failed(error)
    }
  }

  /// The connection is not wanted any more, or not there.
  func stop() {
    self.isOver = true
    self.onChange = nil
    self.timer?.stop()
    guard let call = self.call.take(), case .open(let handler, let stream) = call.state else { return }
    call.state = .ended
    handler.cancel(stream)
  }

  private func set(_ health: Health) {
    guard health != self.health, !self.isOver else { return }
    self.health = health
    self.onChange?(self, health)
  }

  // MARK: - The call

  func received(bytes: ByteBuffer) {
    guard !self.isOver, case .open(let handler, let stream)? = self.call?.state else { return }
    handler.consumed(stream, bytes: bytes.readableBytes)
    var chunk = bytes
    do throws(RPCError) {
      while let message = try self.deframer.next(from: &chunk) {
        self.failures = 0
        let status = HealthMessages.status(in: message)
        self.set(status == .serving ? .serving : .notServing("it says \(status)"))
      }
    } catch {
      handler.cancel(stream)
      self.failed(error)
    }
  }

  func failed(_ error: RPCError) {
    guard !self.isOver else { return }
    self.call = nil
    // A server without the health service is taken for healthy (A17).
    guard error.code != .unimplemented else { return self.set(.serving) }
    self.set(.notServing("\(error)"))
    let delay = self.backoff.delay(afterFailures: self.failures, jitter: .random(in: -1...1))
    self.failures += 1
    let timer = DeadlineTimer(on: self.eventLoop) { [weak self] in self?.begin() }
    self.timer = timer
    timer.update(.now().advanced(by: delay))
  }

  func finished(trailing: Metadata) {
    self.failed(RPCError(code: .unavailable, message: "the server ended the watch"))
  }

  func received(metadata: Metadata, encoding: CompressionAlgorithm) {
    self.deframer.encoding = encoding
  }

  func answered(_ response: Response<ByteBuffer>) {}
  func opened(_ counters: ConnectionCounters?) {}
  func writable(isBackedUp: Bool) {}
  /// It belongs to this endpoint: no other can answer for it.
  func rewind() -> Bool { false }
}

/// The two messages of the health protocol, by hand: generated code would bring a message library to every client.
enum HealthMessages {
  enum Status: UInt64 {
    case unknown = 0
    case serving = 1
    case notServing = 2
    case serviceUnknown = 3
  }

  /// `HealthCheckRequest { string service = 1; }`
  static func request(service: String) -> ByteBuffer {
    var message = ByteBuffer()
    guard !service.isEmpty else { return message }
    message.writeInteger(UInt8(0x0A))
    var length = UInt64(service.utf8.count)
    while length >= 0x80 {
      message.writeInteger(UInt8(truncatingIfNeeded: length) | 0x80)
      length >>= 7
    }
    message.writeInteger(UInt8(truncatingIfNeeded: length))
    message.writeString(service)
    return message
  }

  /// `HealthCheckResponse { ServingStatus status = 1; }`; what has other fields, or none, is `unknown`.
  static func status(in message: ByteBuffer) -> Status {
    var message = message
    guard message.readInteger(as: UInt8.self) == 0x08, let value = message.readInteger(as: UInt8.self),
      message.readableBytes == 0
    else { return .unknown }
    return Status(rawValue: UInt64(value)) ?? .unknown
  }
}
