#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What a path leads to.
enum FileText: Hashable, Sendable {
  case text(String)
  /// There is no file of this name.
  case missing
  /// There is one, and this is why it cannot be read.
  case unreadable(String)

  /// A file of policies is a few kilobytes; one of this size is some other file.
  static let maxBytes = 1 << 20

  /// Reads the file, following links.
  init(path: String) {
    let data: Data
    do {
      data = try Data(contentsOf: URL(filePath: path))
    } catch let error as CocoaError where [.fileReadNoSuchFile, .fileNoSuchFile].contains(error.code) {
      self = .missing
      return
    } catch {
      self = .unreadable("cannot be read: \(error)")
      return
    }
    guard data.count <= Self.maxBytes else {
      self = .unreadable("has \(data.count) bytes; allowed: at most \(Self.maxBytes)")
      return
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      self = .unreadable("is not UTF-8")
      return
    }
    self = .text(text)
  }
}

extension FileText {
  /// The text of a file that must be there.
  ///
  /// - Throws: ``ConfigurationError`` that names the path and says why there is none.
  func required(at path: String) throws(ConfigurationError) -> String {
    let reason: String
    switch self {
    case .text(let text): return text
    case .missing: reason = "is not there"
    case .unreadable(let why): reason = why
    }
    throw ConfigurationError([ConfigurationProblem(source: path, line: nil, path: "", reason: reason)])
  }
}
