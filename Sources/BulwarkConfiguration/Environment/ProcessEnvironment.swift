#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension [String: String] {
  /// The environment variables of this process, as they are now.
  public static var processEnvironment: [String: String] { ProcessInfo.processInfo.environment }
}
