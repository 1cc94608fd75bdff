// Decodes and encodes messages for another implementation to compare itself with. `Tests/Interop/README.md` has the
// protocol: frames on standard input are answered on standard output until the input ends.
import Foundation

let messages = MessageTable(
  MessageTable.consensus + MessageTable.echo + MessageTable.interop + MessageTable.test
)
let input = FileHandle.standardInput
let output = FileHandle.standardOutput

while let frame = try input.frame() {
  output.write(messages.answer(to: frame))
}

extension FileHandle {
  /// The next frame without its length, or nil at the end of the input.
  fileprivate func frame() throws -> [UInt8]? {
    guard let head = try self.bytes(4) else { return nil }
    return try self.bytes(head.reduce(0) { $0 << 8 | Int($1) })
  }

  private func bytes(_ count: Int) throws -> [UInt8]? {
    var bytes: [UInt8] = []
    while bytes.count < count {
      guard let part = try self.read(upToCount: count - bytes.count), !part.isEmpty else { return nil }
      bytes.append(contentsOf: part)
    }
    return bytes
  }
}
