public import BulwarkCore
import BulwarkWire
import struct NIOCore.ByteBuffer

extension LinkedPair {
  /// Why a run came to its end.
  public enum RunEnd: Hashable, Sendable {
    /// What was waited for has happened.
    case done
    /// Nothing can happen any more by itself.
    case idle
    /// The time given has passed.
    case timedOut
    /// The two sides kept each other busy without end.
    case livelocked
  }

  /// Whether every call that was started is over on both sides.
  public var isSettled: Bool {
    self.liveCallers.isEmpty && self.handlers.isEmpty
  }

  /// Runs until every call is over on both sides.
  ///
  /// - Parameter limit: the virtual time that this may take.
  @discardableResult
  public func run(within limit: Duration = .seconds(600)) -> RunEnd {
    self.run(within: limit) { self.isSettled }
  }

  /// Runs until the condition holds. Time moves on only when nothing is left to do at an instant, and then to the
  /// next one at which something is.
  ///
  /// - Parameters:
  ///   - limit: the virtual time that this may take; at its end the clock shows exactly so much more.
  ///   - maxTurns: the turns after which the run counts as livelocked.
  @discardableResult
  public func run(
    within limit: Duration = .seconds(600),
    maxTurns: Int = 1_000_000,
    until isDone: () -> Bool
  ) -> RunEnd {
    let end = self.clock.now.advanced(by: limit)
    for _ in 0..<maxTurns {
      let didSomething = self.step()
      if isDone() { return .done }
      if didSomething { continue }
      guard let next = self.nextInstant else { return .idle }
      guard next <= end else {
        self.clock.advance(to: end)
        return .timedOut
      }
      self.clock.advance(to: next)
    }
    return .livelocked
  }

  /// Runs until nothing is left to do for so long from now, and moves the clock there.
  public func run(for duration: Duration) {
    let end = self.clock.now.advanced(by: duration)
    self.run(within: duration) { false }
    self.clock.advance(to: end)
  }

  /// One turn of both sides: at most one piece of bytes is delivered each way, then outputs, scripts and outbound
  /// bytes are dealt with. False if nothing was to be done at this instant.
  public func step() -> Bool {
    var didSomething = self.deliver(.toServer)
    didSomething = self.deliver(.toClient) || didSomething
    didSomething = self.fireTimers() || didSomething
    didSomething = self.handleServerOutputs() || didSomething
    didSomething = self.handleClientOutputs() || didSomething
    didSomething = self.advanceHandlers() || didSomething
    didSomething = self.advanceCallers() || didSomething
    didSomething = self.transmit(.toServer) || didSomething
    return self.transmit(.toClient) || didSomething
  }

  /// When something is due next that needs no input from outside; nil if nothing ever is.
  public var nextInstant: MonotonicInstant? {
    var instants = [self.links[.toServer]?.nextArrival, self.links[.toClient]?.nextArrival]
    if self.isClientOpen { instants.append(self.client.nextDeadline) }
    if self.isServerOpen { instants.append(self.server.nextDeadline) }
    instants += self.liveCallers.map { self.callers[$0].nextInstant(after: self.clock.now) }
    instants += self.handlers.map(\.wakeAt)
    return instants.compactMap { $0 }.min()
  }

  private func fireTimers() -> Bool {
    var fired = false
    if self.isServerOpen, let due = self.server.nextDeadline, due <= self.clock.now {
      self.server.deadlineReached(now: self.clock.now)
      fired = true
    }
    if self.isClientOpen, let due = self.client.nextDeadline, due <= self.clock.now {
      self.client.deadlineReached(now: self.clock.now)
      fired = true
    }
    return fired
  }

  /// Takes what a side has to send as far as the link has room; closes the side once it has finished.
  private func transmit(_ direction: LinkDirection) -> Bool {
    guard direction == .toServer ? self.isClientOpen : self.isServerOpen,
      let room = self.links[direction]?.room, room > 0
    else { return false }
    var bytes = ByteBuffer()
    let isFinished: Bool
    switch direction {
    case .toServer:
      _ = self.client.takeOutbound(into: &bytes, limit: room)
      isFinished = self.client.isFinished
    case .toClient:
      _ = self.server.takeOutbound(into: &bytes, limit: room)
      isFinished = self.server.isFinished
    }
    if bytes.readableBytes > 0 {
      self.carry(bytes, direction)
      return true
    }
    guard isFinished else { return false }
    self.connectionLost(direction == .toServer ? .toClient : .toServer)
    return true
  }
}
