import Bulwark
import ConsensusService
// The policies have a Verdict too.
import enum ConsensusService.Verdict
import Foundation

/// Prints results for people, or as one JSON object per line for programs.
struct Output {
  let isJSON: Bool

  /// Prints a result in the form that was asked for.
  func show(_ result: some Encodable, _ text: String) {
    print(self.isJSON ? Self.json(result) : text)
    // Output into a pipe is buffered, and whoever watches a stream wants each line when it comes.
    fflush(nil)
  }

  /// Prints why a call failed, to standard error; as JSON to standard output.
  func fail(_ error: RPCError) {
    if self.isJSON {
      print(Self.json(["code": error.code.description, "message": error.message]))
    } else {
      FileHandle.standardError.write(Data("\(error)\n".utf8))
    }
  }

  private static func json(_ value: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(value) else { return "{}" }
    return String(decoding: data, as: UTF8.self)
  }
}

extension Collection<UInt8> {
  /// The first bytes, enough for people to tell hashes apart.
  var short: String { self.isEmpty ? "none" : String(self.hexadecimal.prefix(12)) }
}

extension VoteType {
  /// How people write it.
  var name: String {
    switch self {
    case .prevote: "prevote"
    case .precommit: "precommit"
    case .unspecified, .unrecognized: "unknown"
    }
  }
}

extension Verdict {
  /// How people write it.
  var name: String {
    switch self {
    case .accept: "accept"
    case .reject: "reject"
    case .unspecified, .unrecognized: "unknown"
    }
  }
}
