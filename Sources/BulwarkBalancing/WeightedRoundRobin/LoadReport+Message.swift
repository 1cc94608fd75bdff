extension LoadReport {
  /// Reads the fields that weights are made of out of an `xds.data.orca.v3.OrcaLoadReport`, and passes over all others;
  /// nil for bytes that are no message.
  ///
  /// By hand, because every client would carry a message library for it.
  package init?(message bytes: [UInt8]) {
    var fields = OrcaFields()
    guard fields.read(bytes) else { return nil }
    self.init(
      queriesPerSecond: fields.queriesPerSecond,
      errorsPerSecond: fields.errorsPerSecond,
      utilization: fields.applicationUtilization > 0 ? fields.applicationUtilization : fields.cpuUtilization
    )
  }
}

private struct OrcaFields {
  var cpuUtilization = 0.0
  var queriesPerSecond = 0.0
  var errorsPerSecond = 0.0
  var applicationUtilization = 0.0

  mutating func read(_ bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      guard let tag = Self.varint(&rest), Self.pass(tag, &rest, double: { self.set(tag >> 3, $0) }) else {
        return false
      }
    }
    return true
  }

  private mutating func set(_ field: UInt64, _ value: Double) {
    switch field {
    case 1: self.cpuUtilization = value
    case 6: self.queriesPerSecond = value
    case 7: self.errorsPerSecond = value
    case 9: self.applicationUtilization = value
    default: break
    }
  }

  /// Takes the value of a field; false if it is not whole.
  private static func pass(_ tag: UInt64, _ rest: inout ArraySlice<UInt8>, double: (Double) -> Void) -> Bool {
    switch tag & 7 {
    case 0:
      return self.varint(&rest) != nil
    case 1:
      guard rest.count >= 8 else { return false }
      let bits = rest.prefix(8).reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
      rest = rest.dropFirst(8)
      double(Double(bitPattern: bits))
      return true
    case 2:
      guard let length = self.varint(&rest), length <= UInt64(rest.count) else { return false }
      rest = rest.dropFirst(Int(length))
      return true
    case 5:
      guard rest.count >= 4 else { return false }
      rest = rest.dropFirst(4)
      return true
    default:
      return false
    }
  }

  private static func varint(_ rest: inout ArraySlice<UInt8>) -> UInt64? {
    var value: UInt64 = 0
    for shift in stride(from: 0 as UInt64, to: 64, by: 7) {
      guard let byte = rest.popFirst() else { return nil }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    return nil
  }
}
