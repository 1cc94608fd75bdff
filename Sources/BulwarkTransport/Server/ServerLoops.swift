import BulwarkHTTP2
import BulwarkWire
import NIOCore
import Synchronization

/// What the connections of a server that are on one event loop share.
///
/// `@unchecked Sendable`: it is handed from the loop's connections to the server and back; its parts are used on the
/// loop alone.
final class ServerLoop: @unchecked Sendable {
  let eventLoop: any EventLoop
  let workers: HandlerWorkers
  let memory = HTTP2Memory()
  let writeBuffer = WriteBuffer()
  let readBuffer = ReadBuffer()
  let recurring = RecurringRequest()
  let buffers = MessageBuffers()

  init(_ eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
    self.workers = HandlerWorkers(eventLoop)
  }
}

/// The event loops that a server has connections on. Safe from any thread.
final class ServerLoops: Sendable {
  private let loops = Mutex<[ObjectIdentifier: ServerLoop]>([:])

  subscript(_ eventLoop: any EventLoop) -> ServerLoop {
    self.loops.withLock { loops in
      if let loop = loops[ObjectIdentifier(eventLoop)] { return loop }
      let loop = ServerLoop(eventLoop)
      loops[ObjectIdentifier(eventLoop)] = loop
      return loop
    }
  }

  /// Lets go of what connections would use again: the server has none any more.
  func close() {
    let loops = self.loops.withLock { loops in
      defer { loops = [:] }
      return loops
    }
    for loop in loops.values {
      loop.eventLoop.execute { loop.workers.close() }
    }
  }
}
