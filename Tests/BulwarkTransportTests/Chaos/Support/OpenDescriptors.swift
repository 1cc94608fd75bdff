import Foundation

/// What this process has open.
enum OpenDescriptors {
  /// How many descriptors are open, but for the one that looks.
  static func count() throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: "/dev/fd").count
  }
}
