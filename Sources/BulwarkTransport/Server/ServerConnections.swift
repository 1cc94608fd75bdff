import NIOCore
import Synchronization

/// The open connections of a server. Safe from any thread.
final class ServerConnections: Sendable {
  private struct Entry {
    let channel: any Channel
    /// Nil during the TLS handshake.
    var handler: NIOLoopBound<ServerChannelHandler>?
  }

  private struct State: ~Copyable {
    var entries: [Int: Entry] = [:]
    var nextKey = 0
    var isStopping = false
    var hasGivenUp = false
    var waiter: CheckedContinuation<Void, Never>?

    /// Whether the wait for the last connection is over.
    var isOver: Bool { self.entries.isEmpty || self.hasGivenUp }
  }

  private let state = Mutex(State())

  var count: Int { self.state.withLock { $0.entries.count } }

  /// Keeps a new connection until `remove`, or until it closes without having taken calls. Called on its loop.
  func insert(_ channel: any Channel) -> Int {
    let (key, isStopping) = self.state.withLock { state in
      state.nextKey += 1
      state.entries[state.nextKey] = Entry(channel: channel)
      return (state.nextKey, state.isStopping)
    }
    channel.closeFuture.whenComplete { _ in self.removeUnlessServed(key) }
    if isStopping {
      // It was accepted while the listener was being closed, and nobody else closes it.
      channel.close(promise: nil)
    }
    return key
  }

  /// The connection takes calls from now on. Called on its loop.
  func attach(_ handler: ServerChannelHandler, to key: Int) {
    let bound = NIOLoopBound(handler, eventLoop: handler.eventLoop)
    self.state.withLock { $0.entries[key]?.handler = bound }
  }

  /// The connection is closed and its handlers have returned.
  func remove(_ key: Int) {
    let waiter = self.state.withLock { state in
      state.entries[key] = nil
      return state.isOver ? state.waiter.take() : nil
    }
    waiter?.resume()
  }

  /// The connection is closed. One that takes calls says itself when its last handler has returned.
  private func removeUnlessServed(_ key: Int) {
    let handler = self.state.withLock { $0.entries[key]?.handler }
    if handler?.value.isInUse != true { self.remove(key) }
  }

  func beginShutdown() {
    self.state.withLock { $0.isStopping = true }
    self.forEach { $0.beginShutdown() }
    // Those that have come no further than the handshake have no calls to finish.
    for entry in self.state.withLock({ Array($0.entries.values) }) where entry.handler == nil {
      entry.channel.close(promise: nil)
    }
  }

  func abortCalls() {
    self.forEach { $0.abortCalls() }
  }

  /// Closes what is left, and stops waiting for handlers that do not return.
  func closeAll() {
    let (entries, waiter) = self.state.withLock { state in
      state.hasGivenUp = true
      return (Array(state.entries.values), state.waiter.take())
    }
    for entry in entries {
      entry.channel.close(promise: nil)
    }
    waiter?.resume()
  }

  func waitUntilEmpty() async {
    await withCheckedContinuation { continuation in
      let isOver = self.state.withLock { state in
        if !state.isOver { state.waiter = continuation }
        return state.isOver
      }
      if isOver { continuation.resume() }
    }
  }

  private func forEach(_ body: @escaping @Sendable (ServerChannelHandler) -> Void) {
    for entry in self.state.withLock({ Array($0.entries.values) }) {
      guard let handler = entry.handler else { continue }
      entry.channel.eventLoop.execute {
        body(handler.value)
      }
    }
  }
}
