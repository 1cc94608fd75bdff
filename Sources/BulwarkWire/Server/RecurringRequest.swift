import BulwarkCore
import BulwarkHTTP2

/// What the headers of a request ask for, but for its time.
struct RequestedCall {
  let entry: MethodEntry
  let metadata: Metadata
  /// What the requests may be compressed with.
  let encoding: CompressionAlgorithm
  /// What the client reads.
  let acceptedEncodings: CompressionAlgorithms
}

/// The headers of the last call, and what they have come to: those of the next call are not read again if they are the same
/// but for its `grpc-timeout`.
///
/// That is what most clients send, and comparing takes a tenth of the instructions that reading takes (11 % of a call's).
///
/// The connections of a server on one event loop share it, and use it there only. It holds up to a kilobyte. What one peer has
/// said is compared with its own requests alone (``Peer/key``): how long a comparison takes tells how much is the same, and
/// metadata may be a secret.
public final class RecurringRequest {
  /// A larger block is not kept.
  private static let maxKeptBytes = 1024

  // Free of dynamic exclusivity checks: no access lasts for longer than the statement that makes it.
  @exclusivity(unchecked) private var block = HTTP2KeptFields()
  @exclusivity(unchecked) private var timeoutField: Int?
  @exclusivity(unchecked) private var call: RequestedCall?
  /// Whose it was.
  @exclusivity(unchecked) private var peerKey = ""
  /// The metadata of the last block whose was another than the one before.
  @exclusivity(unchecked) private var metadata = Metadata()

  /// Knows no request yet.
  public init() {}

  /// What the metadata of a peer's next block is compared with.
  func metadata(for peer: Peer) -> Metadata { peer.key == self.peerKey ? self.metadata : Metadata() }

  /// The call that a block asks for, and its time in nanoseconds if it says one; nil if the block has to be read.
  func call(
    of block: Range<Int>,
    from peer: Peer,
    in session: HTTP2Session
  ) -> (call: RequestedCall, timeout: Int64?)? {
    guard let call = self.call, peer.key == self.peerKey,
      self.block.areThose(of: block, of: session, exceptValueAt: self.timeoutField)
    else { return nil }
    guard let timeoutField = self.timeoutField else { return (call, nil) }
    let value = session.field(block.lowerBound + timeoutField).value
    // A malformed one is for the reader to refuse.
    guard let timeout = TimeoutHeader.decode(session.fieldBytes[value].trimmingSpace()) else { return nil }
    return (call, timeout)
  }

  /// Remembers a block that was read.
  ///
  /// - Parameters:
  ///   - timeoutField: which of its fields says the time of the call.
  ///   - hasNewMetadata: whether its metadata is to be compared with the next block's.
  func remember(
    _ call: RequestedCall,
    of block: Range<Int>,
    from peer: Peer,
    timeoutField: Int?,
    hasNewMetadata: Bool,
    in session: HTTP2Session
  ) {
    if peer.key != self.peerKey {
      self.peerKey = peer.key
      self.metadata = Metadata()
    }
    if hasNewMetadata { self.metadata = call.metadata }
    let first = session.field(block.lowerBound), last = session.field(block.upperBound - 1)
    guard last.value.upperBound - first.name.lowerBound <= Self.maxKeptBytes else {
      self.call = nil
      return
    }
    self.block.keep(block, of: session)
    self.timeoutField = timeoutField
    self.call = call
  }
}
