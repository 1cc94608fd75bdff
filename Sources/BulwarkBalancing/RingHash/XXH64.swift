/// The hash function of gRPC's and Envoy's hash rings: XXH64 with seed 0
/// (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md). Not for secrets.
package enum XXH64 {
  private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
  private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
  private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
  private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
  private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

  /// The hash of the text's UTF-8.
  package static func hash(_ text: String) -> UInt64 {
    self.hash(text.utf8.span)
  }

  package static func hash(_ bytes: Span<UInt8>) -> UInt64 {
    var index = 0
    var hash: UInt64
    if bytes.count >= 32 {
      var lanes = (self.prime1 &+ self.prime2, self.prime2, 0 as UInt64, 0 &- self.prime1)
      while index + 32 <= bytes.count {
        lanes.0 = self.round(lanes.0, self.word(bytes, at: index))
        lanes.1 = self.round(lanes.1, self.word(bytes, at: index + 8))
        lanes.2 = self.round(lanes.2, self.word(bytes, at: index + 16))
        lanes.3 = self.round(lanes.3, self.word(bytes, at: index + 24))
        index += 32
      }
      hash = lanes.0.rotated(1) &+ lanes.1.rotated(7) &+ lanes.2.rotated(12) &+ lanes.3.rotated(18)
      hash = self.merge(self.merge(self.merge(self.merge(hash, lanes.0), lanes.1), lanes.2), lanes.3)
    } else {
      hash = self.prime5
    }
    hash &+= UInt64(bytes.count)
    while index + 8 <= bytes.count {
      hash = (hash ^ self.round(0, self.word(bytes, at: index))).rotated(27) &* self.prime1 &+ self.prime4
      index += 8
    }
    if index + 4 <= bytes.count {
      hash = (hash ^ (self.half(bytes, at: index) &* self.prime1)).rotated(23) &* self.prime2 &+ self.prime3
      index += 4
    }
    while index < bytes.count {
      hash = (hash ^ (UInt64(bytes[index]) &* self.prime5)).rotated(11) &* self.prime1
      index += 1
    }
    hash = (hash ^ hash >> 33) &* self.prime2
    hash = (hash ^ hash >> 29) &* self.prime3
    return hash ^ hash >> 32
  }

  private static func round(_ lane: UInt64, _ word: UInt64) -> UInt64 {
    (lane &+ word &* self.prime2).rotated(31) &* self.prime1
  }

  private static func merge(_ hash: UInt64, _ lane: UInt64) -> UInt64 {
    (hash ^ self.round(0, lane)) &* self.prime1 &+ self.prime4
  }

  private static func half(_ bytes: Span<UInt8>, at index: Int) -> UInt64 {
    UInt64(bytes[index]) | UInt64(bytes[index + 1]) << 8 | UInt64(bytes[index + 2]) << 16
      | UInt64(bytes[index + 3]) << 24
  }

  private static func word(_ bytes: Span<UInt8>, at index: Int) -> UInt64 {
    self.half(bytes, at: index) | self.half(bytes, at: index + 4) << 32
  }
}

extension UInt64 {
  fileprivate func rotated(_ count: UInt64) -> UInt64 {
    self << count | self >> (64 - count)
  }
}
