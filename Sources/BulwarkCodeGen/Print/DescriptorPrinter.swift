import SwiftProtobuf
import SwiftProtobufPluginLibrary

/// Writes how protoc describes a .proto file, for server reflection.
struct DescriptorPrinter {
  /// Where lines of the literal are broken, in columns without the indentation.
  private static let lineLength = 100

  private let file: FileDescriptor
  private let namer: Namer
  private let access: String

  init(_ file: FileDescriptor, namer: Namer, access: String) {
    self.file = file
    self.namer = namer
    self.access = access
  }

  func write(to source: inout SourceText) {
    source.line("// MARK: - Descriptor")
    source.line()
    source.block("extension BulwarkCore.ProtoFile {") { source in
      source.line("/// `\(self.file.name)`, as protoc describes it.")
      let name = self.namer.descriptorName(of: self.file)
      source.block("\(self.access)static var \(name): BulwarkCore.ProtoFile {") { source in
        self.write(self.file, closing: ")", to: &source)
      }
    }
  }

  private func write(_ file: FileDescriptor, closing: String, to source: inout SourceText) {
    source.block("BulwarkCore.ProtoFile(", closing: closing) { source in
      source.line("\(file.name.debugDescription),")
      source.line("descriptor: \"\"\"")
      let lines = Self.literal(file.serializedDescriptor)
      for line in lines.dropLast() { source.line("  \(line)\\") }
      source.line("  \(lines.last ?? "")")
      source.line("  \"\"\",")
      guard !file.dependencies.isEmpty else { return source.line("imports: []") }
      source.block("imports: [", closing: "]") { source in
        for dependency in file.dependencies { self.writeImport(of: dependency, to: &source) }
      }
    }
  }

  /// A file that nothing may have been generated for, because nothing but its options is used, is described in place.
  private func writeImport(of file: FileDescriptor, to source: inout SourceText) {
    if self.namer.hasDescriptor(file) {
      source.line("BulwarkCore.ProtoFile.\(self.namer.descriptorName(of: file)),")
    } else {
      self.write(file, closing: "),", to: &source)
    }
  }

  /// The lines of a string literal that has a Unicode scalar for each byte.
  static func literal(_ bytes: [UInt8]) -> [String] {
    var lines: [String] = []
    var line = ""
    for byte in bytes {
      line += Self.escaped(byte)
      if line.utf8.count >= Self.lineLength {
        lines.append(line)
        line = ""
      }
    }
    return line.isEmpty ? lines : lines + [line]
  }

  private static func escaped(_ byte: UInt8) -> String {
    switch byte {
    case UInt8(ascii: "\\"): "\\\\"
    case UInt8(ascii: "\""): "\\\""
    case UInt8(ascii: "\n"): "\\n"
    case UInt8(ascii: "\r"): "\\r"
    case UInt8(ascii: "\t"): "\\t"
    case 0x20...0x7E: String(UnicodeScalar(byte))
    default: "\\u{\(String(byte, radix: 16))}"
    }
  }
}

extension FileDescriptor {
  /// The file as protoc describes it, without the places of the source text, which name no symbol and are most of it.
  fileprivate var serializedDescriptor: [UInt8] {
    // A descriptor that protoc has sent has bytes: it came as some.
    (try? self.extractProto().serializedBytes()) ?? []
  }
}
