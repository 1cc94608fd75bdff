import Testing

@testable import BulwarkCodeGen

@Suite("The literal of a file's description")
struct DescriptorLiteralTests {
  @Test("has a scalar for each byte, escaped where Swift source needs it")
  func escapes() {
    let bytes: [UInt8] = [0x22, 0x5C, 0x0A, 0x0D, 0x09, 0x00, 0x20, 0x41, 0x7E, 0x7F, 0x80, 0xFF]
    #expect(
      DescriptorPrinter.literal(bytes) == [
        #"\"\\\n\r\t\u{0} A~\u{7f}\u{80}\u{ff}"#
      ]
    )
  }

  @Test("is broken into lines, never inside an escape")
  func lines() {
    #expect(DescriptorPrinter.literal([]) == [])
    let lines = DescriptorPrinter.literal([UInt8](repeating: 0xFF, count: 18))
    #expect(lines.map(\.count) == [102, 6])
  }
}
