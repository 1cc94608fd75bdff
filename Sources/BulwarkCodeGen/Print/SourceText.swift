/// Swift source while it is written: lines with their indentation.
struct SourceText {
  private(set) var text = ""
  private var indentation = ""

  /// Writes a line; an empty one has no indentation.
  mutating func line(_ line: String = "") {
    self.text += line.isEmpty ? "\n" : "\(self.indentation)\(line)\n"
  }

  /// Writes a line, what the closure writes one level deeper, and a closing line.
  mutating func block(_ opening: String, closing: String = "}", _ body: (inout SourceText) -> Void) {
    self.line(opening)
    self.indentation += "  "
    body(&self)
    self.indentation.removeLast(2)
    self.line(closing)
  }

  /// Writes doc comments that came out of a .proto file.
  mutating func documentation(_ lines: [String]) {
    for line in lines { self.line(line.isEmpty ? "///" : "/// \(line)") }
  }
}
