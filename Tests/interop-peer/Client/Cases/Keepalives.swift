import Bulwark

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

extension InteropCase {
  /// A server that falls silent, or does not like to be asked whether it is there.
  static let keepalives = [
    InteropCase(name: "keepalive") { context in
      _ = try await context.echo { _ in }
      print("running")
      fflush(nil)
      let error = try await expectError(.unavailable) {
        _ = try await context.echo(timeout: .seconds(20)) { $0.delayMs = 60_000 }
      }
      print("lost: \(error.message)")
      fflush(nil)
      _ = try await context.interop.echo(
        .with { _ in },
        timeout: .seconds(20),
        options: CallOptions(waitForReady: true)
      )
    }
  ]
}
