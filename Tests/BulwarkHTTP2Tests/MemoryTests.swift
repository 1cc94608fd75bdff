import BulwarkTestKit
import CNghttp2
import NIOCore
import Testing

@testable import BulwarkHTTP2

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// An allocator for nghttp2 that counts, and fails from a given allocation on.
private final class CountingMemory {
  var allocations = 0
  var live = 0
  let failsFrom: Int
  private var table = nghttp2_mem()

  init(failsFrom: Int) {
    self.failsFrom = failsFrom
  }

  /// The allocator may be used inside `body` and nowhere else.
  func run(_ body: (UnsafeMutablePointer<nghttp2_mem>) -> Void) {
    self.table = nghttp2_mem(
      mem_user_data: Unmanaged.passUnretained(self).toOpaque(),
      malloc: { size, memory in CountingMemory.of(memory)?.allocate { malloc(size) } },
      free: { pointer, memory in
        if pointer != nil { CountingMemory.of(memory)?.live -= 1 }
        free(pointer)
      },
      calloc: { count, size, memory in CountingMemory.of(memory)?.allocate { calloc(count, size) } },
      realloc: { pointer, size, memory in
        guard pointer == nil else { return CountingMemory.of(memory)?.reallocate { realloc(pointer, size) } }
        return CountingMemory.of(memory)?.allocate { malloc(size) }
      }
    )
    body(&self.table)
  }

  private static func of(_ pointer: UnsafeMutableRawPointer?) -> CountingMemory? {
    pointer.map { Unmanaged<CountingMemory>.fromOpaque($0).takeUnretainedValue() }
  }

  private func allocate(_ body: () -> UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    let result = self.reallocate(body)
    if result != nil { self.live += 1 }
    return result
  }

  private func reallocate(_ body: () -> UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    self.allocations += 1
    return self.allocations < self.failsFrom ? body() : nil
  }
}

/// A session that runs out of memory ends; it does not crash, leak, or lose a stream.
@Suite struct MemoryTests {
  /// Two calls that a client sees through, against a server that is made of frames.
  private func call(_ client: HTTP2ClientSession) -> SessionObserver {
    let observer = SessionObserver()
    let receive = { (frames: [RawFrame]) in
      let bytes = ByteBuffer(bytes: frames.flatMap(\.bytes))
      client.receive(bytes, now: 0)
      observer.drain(client, bytes)
    }
    let send = {
      var output = ByteBuffer()
      _ = client.takeOutbound(into: &output, limit: 1 << 20)
      observer.drain(client)
    }
    receive([.settings([(4, 100_000)])])
    for _ in 0..<2 {
      guard let stream = client.sendRequest(Sample.request(), endStream: false) else { continue }
      _ = client.sendData(stream, prefix: nil, ByteBuffer(bytes: Sample.body(200_000)))
      _ = client.finish(stream, trailers: Sample.trailers)
      send()
      receive([.windowUpdate(stream, 500_000), .windowUpdate(0, 500_000), .ping()])
      send()
      receive([
        .headers(stream, HeaderBlock.literals([(":status", "200")])), .data(stream, Sample.body(9_000)),
      ])
      client.ping(1)
      receive([
        .headers(stream, HeaderBlock.literals([("grpc-status", "0")]), flags: [.endHeaders, .endStream])
      ])
      send()
    }
    client.close()
    observer.drain(client)
    return observer
  }

  @Test func whicheverAllocationFailsEachStreamEndsOnceAndNothingLeaks() {
    var allocations = 0
    for failsFrom in 1..<2_000 {
      let memory = CountingMemory(failsFrom: failsFrom)
      memory.run { table in
        let observer = self.call(HTTP2ClientSession(limits: HTTP2Limits(), now: 0, allocator: table.pointee))
        #expect(observer.streams.values.allSatisfy { $0.closed.count == 1 }, "allocation \(failsFrom)")
        #expect(observer.late == 0, "allocation \(failsFrom)")
      }
      #expect(memory.live == 0, "allocation \(failsFrom)")
      allocations = memory.allocations
      if memory.allocations < failsFrom { break }
    }
    #expect((20..<1_900).contains(allocations))
  }

  @Test func aSessionWithoutMemoryIsFinishedFromTheStart() {
    CountingMemory(failsFrom: 1).run { table in
      let server = HTTP2ServerSession(limits: HTTP2Limits(), now: 0, allocator: table.pointee)
      server.receive(ByteBuffer(bytes: RawFrame.clientPreface), now: 0)
      var output = ByteBuffer()
      #expect(server.isFinished && !server.takeOutbound(into: &output, limit: 1) && output.readableBytes == 0)
      server.close()
      #expect(server.nextEvent() == nil)
    }
  }
}
