public import BulwarkCore
import BulwarkWire
public import struct NIOCore.ByteBuffer

/// What the caller of a call does beside reading, one after the other.
public enum CallStep: Hashable, Sendable {
  /// Works, or waits for something.
  case wait(Duration)
  /// Sends a request of a streaming call; waits first while the server does not read.
  case send(ByteBuffer)
  /// Ends the requests of a streaming call.
  case finish
  /// Ends the call.
  case cancel
}

/// A call that a ``LinkedPair`` is to make.
public struct CallPlan: Sendable {
  /// The method.
  public var method: MethodDescriptor
  /// The metadata to send.
  public var metadata: Metadata = [:]
  /// How long the call may take from its start. Default: nil, for ever.
  public var timeout: Duration?
  /// The largest response that is taken, in bytes. Default 4 MiB.
  public var maxResponseBytes = WireLimits().maxReceiveMessageBytes
  /// What the requests are compressed with, however small they are. Default: nothing.
  public var compression = CompressionAlgorithm.identity
  /// The request of a unary or server-streaming call; it goes with the headers.
  public var onlyMessage: ByteBuffer?
  /// What the caller does, from the start of the call.
  public var steps: [CallStep]
  /// How long the caller of a stream takes over each response before it asks for the next. Default: no time.
  public var readDelay: Duration = .zero
  /// How many responses of a stream the caller reads; then it never asks again. Default: nil, all.
  public var readLimit: Int?

  /// A unary or server-streaming call.
  public init(_ method: MethodDescriptor, message: ByteBuffer, steps: [CallStep] = []) {
    self.method = method
    self.onlyMessage = message
    self.steps = steps
  }

  /// A client-streaming or bidirectional call.
  public init(_ method: MethodDescriptor, steps: [CallStep]) {
    self.method = method
    self.steps = steps
  }

  /// A client-streaming or bidirectional call that sends these requests and ends them.
  public init(_ method: MethodDescriptor, sending messages: [ByteBuffer]) {
    self.init(method, steps: messages.map { .send($0) } + [.finish])
  }
}

extension CallPlan {
  var messageCompression: MessageCompression {
    MessageCompression(requests: self.compression, CompressionOptions(), WireLimits())
  }
}
