import NIOCore
import Synchronization

/// The open connections of a server. Safe from any thread.
final class ServerConnections: Sendable {
  private struct Entry {
    let handler: NIOLoopBound<ServerChannelHandler>
    let channel: any Channel
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

  /// Keeps a connection until `remove`. Called on the connection's loop.
  func insert(_ handler: ServerChannelHandler, _ channel: any Channel) -> Int {
    let entry = Entry(handler: NIOLoopBound(handler, eventLoop: channel.eventLoop), channel: channel)
    let (key, isStopping) = self.state.withLock { state in
      state.nextKey += 1
      state.entries[state.nextKey] = entry
      return (state.nextKey, state.isStopping)
    }
    if isStopping {
      // It was accepted while the listener was being closed, and has heard of nothing.
      channel.close(promise: nil)
    }
    return key
  }

  /// The connection is closed and its handlers have returned.
  func remove(_ key: Int) {
    let waiter = self.state.withLock { state in
      state.entries[key] = nil
      return state.isOver ? state.waiter.take() : nil
    }
    waiter?.resume()
  }

  func beginShutdown() {
    self.state.withLock { $0.isStopping = true }
    self.forEach { $0.beginShutdown() }
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
      entry.channel.eventLoop.execute {
        body(entry.handler.value)
      }
    }
  }
}
