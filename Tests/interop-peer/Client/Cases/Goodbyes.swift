import Bulwark

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

extension InteropCase {
  /// A peer that takes its leave, and lets the calls that are open end.
  static let goodbyes = [
    InteropCase(name: "goodbye") { context in
      try await context.interop.converse(timeout: .seconds(20)) { requests, responses in
        var iterator = responses.makeAsyncIterator()
        try await requests.write(.with { $0.payload = [1] })
        try expect(try await iterator.next()?.payload == [1], "the call was not answered")
        print("running")
        fflush(nil)
        for await state in context.client.connectivityUpdates where state != .ready { break }
        try await requests.write(.with { $0.payload = [2] })
        try expect(try await iterator.next()?.payload == [2], "the call did not outlive the GOAWAY")
        requests.finish()
        try expect(try await iterator.next() == nil, "there was a response too many")
      }
    }
  ]
}
