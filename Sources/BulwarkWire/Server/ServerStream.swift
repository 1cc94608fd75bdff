import BulwarkCore

/// What a server connection keeps of one call: looked up once per input, then used by reference.
final class ServerStream {
  // Free of dynamic exclusivity checks for the reason given at `ServerConnection`.

  let call: ServerCall
  @exclusivity(unchecked) var machine: ServerStreamMachine

  /// When bytes of a unary request, or room for a response, were last seen.
  @exclusivity(unchecked) var lastProgress: MonotonicInstant

  /// When to look whether it is out of time; `distantFuture` if it has all the time there is.
  @exclusivity(unchecked) var wakeAt = MonotonicInstant.distantFuture

  /// What it holds of the gates that let it in, while the stream is open.
  @exclusivity(unchecked) var permits: HeldPermits?

  /// Whether the request must be whole by a time of its own, because the call holds something of a gate meanwhile.
  @exclusivity(unchecked) var hasCollectingTimer = false

  /// How much of the response waited for the peer when it was last looked at.
  @exclusivity(unchecked) var queuedAtLastLook = 0

  /// Whether it was answered with OK.
  @exclusivity(unchecked) var isOK = false

  /// Whether the stream was reset because its response made no progress.
  @exclusivity(unchecked) var wasCutOff = false

  init(_ call: consuming ServerCall, maxMessageBytes: Int, now: MonotonicInstant) {
    self.machine = ServerStreamMachine(
      isUnary: call.entry.descriptor.kind == .unary,
      maxMessageBytes: maxMessageBytes,
      encoding: call.requestEncoding
    )
    self.call = call
    self.lastProgress = now
  }
}
