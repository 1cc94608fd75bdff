import Foundation

/// Runs the script that looks at a node from outside, with this process's own output.
struct LookIn {
  let python: String
  let script: String

  /// - Throws: ``DemoFailure`` if the script fails.
  func run(target: String) async throws {
    fflush(nil)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: self.python)
    process.arguments = [self.script, target]
    let status = try await withCheckedThrowingContinuation {
      (continuation: CheckedContinuation<Int32, any Error>) in
      process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
      do {
        try process.run()
      } catch {
        process.terminationHandler = nil
        continuation.resume(throwing: error)
      }
    }
    guard status == 0 else { throw DemoFailure("the look-in ended with code \(status)") }
  }
}
