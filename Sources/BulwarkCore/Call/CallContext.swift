import Synchronization

/// What a server handler knows of its call, and the metadata it answers with.
///
/// Safe to use from any task, at any time; after the call has ended changes have no effect.
public final class CallContext: Sendable {
  private struct Outcome {
    var initial = Metadata()
    var trailing = Metadata()
    /// Why the call was over before its handler returned.
    var end: RPCError?
  }

  /// The method that was called.
  public let method: MethodDescriptor

  /// The metadata that the client sent, without gRPC's own headers.
  public let metadata: Metadata

  /// The client.
  public let peer: Peer

  /// When the call runs out of time, or nil if the client set no deadline.
  public let deadline: MonotonicInstant?

  private let time: TimeSource
  /// The context that the server made, if this one was derived from it: that one holds the outcome.
  let origin: CallContext?
  /// None, or one: most calls have neither metadata nor an early end, and hold no room for them.
  private let ownOutcome = Mutex<[Outcome]>([])
  /// Whether there is one: most calls never take the lock.
  private let hasOutcome = Atomic(false)
  /// Of the context that the server made.
  let compression = CallCompression()

  /// Creates a context; servers and tests do.
  public init(
    method: MethodDescriptor,
    metadata: Metadata,
    peer: Peer,
    deadline: MonotonicInstant?,
    time: TimeSource
  ) {
    self.method = method
    self.metadata = metadata
    self.peer = peer
    self.deadline = deadline
    self.time = time
    self.origin = nil
  }

  /// The context of the same call with what interceptors have changed.
  init(_ base: CallContext, metadata: Metadata, deadline: MonotonicInstant?) {
    self.method = base.method
    self.metadata = metadata
    self.peer = base.peer
    self.deadline = deadline
    self.time = base.time
    self.origin = base.origin ?? base
  }

  /// The context of the call whose handler this task runs for, or nil outside handlers.
  ///
  /// Client calls read it: a call made inside a handler never outlives the handler's own deadline.
  @TaskLocal public static var current: CallContext?

  /// How much time is left: nil without a deadline, zero once it has passed.
  public var timeRemaining: Duration? {
    self.deadline.map { Swift.max(.zero, self.time.now.duration(to: $0)) }
  }

  /// Adds a text pair to the initial metadata. Without effect once the first response was sent.
  public func addInitialMetadata(_ value: String, for name: String) {
    self.changeOutcome { $0.initial.add(value, for: name) }
  }

  /// Adds a binary pair to the initial metadata. Without effect once the first response was sent.
  public func addInitialMetadata(binary value: [UInt8], for name: String) {
    self.changeOutcome { $0.initial.add(binary: value, for: name) }
  }

  /// Adds a text pair to the trailing metadata.
  public func addTrailingMetadata(_ value: String, for name: String) {
    self.changeOutcome { $0.trailing.add(value, for: name) }
  }

  /// Adds a binary pair to the trailing metadata.
  public func addTrailingMetadata(binary value: [UInt8], for name: String) {
    self.changeOutcome { $0.trailing.add(binary: value, for: name) }
  }

  /// Replaces what the handler has added by what the interceptors made of it.
  func setMetadata(initial: Metadata, trailing: Metadata) {
    // Interceptors say it of every call, and most change nothing.
    if initial.isEmpty, trailing.isEmpty, !self.outcomeHolder.hasOutcome.load(ordering: .acquiring) { return }
    self.changeOutcome {
      $0.initial = initial
      $0.trailing = trailing
    }
  }

  /// Notes that the call is over while its handler runs: whatever that returns, this is how the call ended.
  package func end(_ error: RPCError) {
    self.changeOutcome { $0.end = $0.end ?? error }
  }

  /// How the call ended, if it did before its handler.
  var earlyEnd: RPCError? {
    if let origin = self.origin { return origin.earlyEnd }
    guard self.hasOutcome.load(ordering: .acquiring) else { return nil }
    return self.ownOutcome.withLock { $0.first?.end }
  }

  package var initialMetadata: Metadata {
    if let origin = self.origin { return origin.initialMetadata }
    guard self.hasOutcome.load(ordering: .acquiring) else { return Metadata() }
    return self.ownOutcome.withLock { $0.first?.initial ?? Metadata() }
  }

  package var trailingMetadata: Metadata {
    if let origin = self.origin { return origin.trailingMetadata }
    guard self.hasOutcome.load(ordering: .acquiring) else { return Metadata() }
    return self.ownOutcome.withLock { $0.first?.trailing ?? Metadata() }
  }

  var outcomeHolder: CallContext { self.origin ?? self }

  private func changeOutcome(_ body: (inout Outcome) -> Void) {
    let holder = self.outcomeHolder
    holder.ownOutcome.withLock { outcome in
      if outcome.isEmpty { outcome.append(Outcome()) }
      body(&outcome[0])
    }
    holder.hasOutcome.store(true, ordering: .releasing)
  }
}
