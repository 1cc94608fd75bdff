import BulwarkCore
import NIOCore

@testable import BulwarkTransport

/// A handler that a test sees start, holds, and sees end.
final class HeldHandler: Sendable {
  enum End: Hashable, Sendable {
    case returned
    case cancelled
  }

  private let started = Promise<Void>()
  private let released = Promise<Void>()
  private let ended = Promise<End>()

  /// What the handler does: wait until it is released, or until its call is cancelled.
  func run() async throws {
    self.started.complete(.success(()))
    do {
      try await self.released.value()
      self.ended.complete(.success(.returned))
    } catch {
      self.ended.complete(.success(.cancelled))
      throw error
    }
  }

  func release() {
    self.released.complete(.success(()))
  }

  func hasStarted() async throws {
    try await self.started.value()
  }

  var end: End {
    get async throws { try await self.ended.value() }
  }

  /// A service whose unary method holds the calls that say so, and echoes all others.
  var service: ByteService {
    ByteService(unary: { message, _ in
      if message == .hold {
        try await self.run()
      }
      return message
    })
  }
}

extension ByteBuffer {
  static let hold = ByteBuffer(string: "hold")
}
