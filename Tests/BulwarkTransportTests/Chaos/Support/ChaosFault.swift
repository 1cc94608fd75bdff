import BulwarkTestKit
import NIOCore

/// What a `ChaosProxy` does to the bytes of a connection. Counts of bytes are of both directions together, from the
/// moment the fault begins.
enum ChaosFault: Hashable, Sendable {
  /// Every byte arrives this much later, in order.
  case delay(TimeAmount)
  /// One byte in 10 ms, each way.
  case dribble
  /// Both ends see an orderly end (FIN) after so many bytes.
  case cut(afterBytes: Int)
  /// Both ends see a reset (RST) after so many bytes.
  case reset(afterBytes: Int)
  /// After so many bytes nothing arrives any more, the end of the connection included, and nobody is told.
  case halfOpen(afterBytes: Int)

  static let dribbleInterval = TimeAmount.milliseconds(10)

  /// One of all of them. A break comes anywhere from the preface of HTTP/2 to the middle of a large message.
  static func random(using generator: inout SeededGenerator) -> ChaosFault {
    // The logarithm is uniform: as many breaks within the first hundred bytes as within the next ten thousand.
    let bytes = Int.random(in: 0..<1 << Int.random(in: 0...17, using: &generator), using: &generator)
    switch Int.random(in: 0..<5, using: &generator) {
    case 0: return .delay(.milliseconds(.random(in: 1...60, using: &generator)))
    case 1: return .dribble
    case 2: return .cut(afterBytes: bytes)
    case 3: return .reset(afterBytes: bytes)
    default: return .halfOpen(afterBytes: bytes)
    }
  }

  /// After how many bytes it breaks the connection; nil if it only slows it down.
  var byteLimit: Int? {
    switch self {
    case .delay, .dribble: nil
    case .cut(let bytes), .reset(let bytes), .halfOpen(let bytes): bytes
    }
  }
}
