import BulwarkCore

/// What a server connection keeps of one call: looked up once per input, then used by reference.
final class ServerStream {
  let call: ServerCall
  var machine: ServerStreamMachine

  /// When bytes of a unary request, or room for a response, were last seen.
  var lastProgress: MonotonicInstant

  /// When to look whether it is out of time; `distantFuture` if it has all the time there is.
  var wakeAt = MonotonicInstant.distantFuture

  /// What it holds of the gates that let it in, while the stream is open.
  var permits: HeldPermits?

  /// Whether the request must be whole by a time of its own, because the call holds something of a gate meanwhile.
  var hasCollectingTimer = false

  /// How much of the response waited for the peer when it was last looked at.
  var queuedAtLastLook = 0

  /// Whether it was answered with OK.
  var isOK = false

  /// Whether the stream was reset because its response made no progress.
  var wasCutOff = false

  init(_ call: ServerCall, maxMessageBytes: Int, now: MonotonicInstant) {
    self.call = call
    self.machine = ServerStreamMachine(
      isUnary: call.context.method.kind == .unary,
      maxMessageBytes: maxMessageBytes,
      encoding: call.requestEncoding
    )
    self.lastProgress = now
  }
}
