/// Cuts a stream of bytes into frames.
public struct RawFrameParser: Sendable {
  private var pending: [UInt8] = []
  private var prefaceRemaining: Int

  /// A parser of what a server sends, or of what a client sends after its preface.
  public init(skippingPreface: Bool = false) {
    self.prefaceRemaining = skippingPreface ? RawFrame.clientPreface.count : 0
  }

  /// Adds bytes, and returns the frames that are complete now.
  public mutating func append(_ bytes: some Sequence<UInt8>) -> [RawFrame] {
    self.pending.append(contentsOf: bytes)
    let skipped = min(self.prefaceRemaining, self.pending.count)
    self.prefaceRemaining -= skipped
    var start = skipped
    var frames: [RawFrame] = []
    while self.pending.count - start >= 9 {
      let header = self.pending[start..<start + 9]
      let length = header[start..<start + 3].reduce(0) { $0 << 8 | Int($1) }
      guard self.pending.count - start >= 9 + length else { break }
      frames.append(
        RawFrame(
          RawFrame.Kind(rawValue: header[start + 3]),
          flags: RawFrame.Flags(rawValue: header[start + 4]),
          stream: Int32(bitPattern: header[(start + 5)...].reduce(0) { $0 << 8 | UInt32($1) }),
          payload: Array(self.pending[start + 9..<start + 9 + length])
        )
      )
      start += 9 + length
    }
    self.pending.removeFirst(start)
    return frames
  }
}
