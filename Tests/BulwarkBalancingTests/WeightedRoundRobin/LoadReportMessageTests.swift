import Testing

@testable import BulwarkBalancing

@Suite struct LoadReportMessageTests {
  private func double(_ field: UInt8, _ value: Double) -> [UInt8] {
    [field << 3 | 1] + withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
  }

  @Test func `The fields that weights are made of are read, and all others passed over`() {
    let others: [UInt8] = [0x18, 0x96, 0x01, 0x22, 2, 9, 9, 0x45, 1, 2, 3, 4]
    let message = self.double(1, 0.5) + others + self.double(6, 100) + self.double(7, 2) + self.double(2, 0.9)
    let report = LoadReport(message: message)
    #expect(report == LoadReport(queriesPerSecond: 100, errorsPerSecond: 2, utilization: 0.5))
  }

  @Test func `The application's own view comes before that of the CPU`() {
    #expect(LoadReport(message: self.double(9, 0.7) + self.double(1, 0.2))?.utilization == 0.7)
    #expect(LoadReport(message: [])?.utilization == 0)
  }

  @Test func `Bytes that are no message are no report, and stop nothing`() {
    let whole = self.double(6, 100)
    for length in 1..<whole.count { #expect(LoadReport(message: Array(whole.prefix(length))) == nil) }
    for bytes: [UInt8] in [[0x0B], [0x22, 5, 1], [0x18], [0x45, 1], [UInt8](repeating: 0xFF, count: 11)] {
      #expect(LoadReport(message: bytes) == nil, "\(bytes)")
    }
  }
}
