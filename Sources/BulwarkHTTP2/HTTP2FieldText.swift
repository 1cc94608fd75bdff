/// A type whose bytes can stand in a header field.
public protocol HTTP2FieldText {
  /// Appends the text's bytes.
  func appendFieldBytes(to bytes: inout [UInt8])
}

extension StaticString: HTTP2FieldText {
  /// A literal is appended as it stands in the program.
  public func appendFieldBytes(to bytes: inout [UInt8]) {
    self.withUTF8Buffer { bytes.append(contentsOf: $0) }
  }
}

extension String: HTTP2FieldText {
  /// A string is appended as UTF-8.
  public func appendFieldBytes(to bytes: inout [UInt8]) {
    bytes.append(contentsOf: self.utf8)
  }
}

extension [UInt8]: HTTP2FieldText {
  /// Bytes are appended as they are.
  public func appendFieldBytes(to bytes: inout [UInt8]) {
    bytes.append(contentsOf: self)
  }
}

extension ArraySlice<UInt8>: HTTP2FieldText {
  /// Bytes are appended as they are.
  public func appendFieldBytes(to bytes: inout [UInt8]) {
    bytes.append(contentsOf: self)
  }
}
