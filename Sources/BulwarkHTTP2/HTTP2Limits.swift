/// What one connection's peer may make this side do, hold and send.
///
/// The defaults hold for a server on the open internet whose clients are gRPC libraries. A burst is a number of
/// tokens that are there at the start; they come back at the rate beside it, one at a time, up to the burst.
/// A session clamps what is out of range; ``validate()`` says what that would be.
///
/// The memory that one peer can bind is at most about `connectionWindow` + `maxConcurrentStreams` x
/// `maxHeaderListBytes` + `maxOutboundBytes` + `maxOutboundFrames` x 150 bytes.
public struct HTTP2Limits: Hashable, Sendable {
  /// Streams that the peer may have open at once (SETTINGS_MAX_CONCURRENT_STREAMS). Default 256.
  /// Above it a stream is refused, and once the peer has acknowledged the limit the connection ends.
  public var maxConcurrentStreams = 256
  /// Size of a received header list in bytes, each field counted as name + value + 32 (RFC 9113, 6.5.2).
  /// Default 16,384. Nothing above it is copied.
  public var maxHeaderListBytes = 16_384
  /// Fields in a received header list. Default 128.
  public var maxHeaderFields = 128
  /// Flow-control window of a stream in bytes: what a peer may send before the application takes it.
  /// Default 1 MiB (1,048,576).
  public var streamWindow = 1 << 20
  /// Flow-control window of the connection in bytes, over all streams. Default 4 MiB (4,194,304).
  public var connectionWindow = 4 << 20
  /// Payload of a received frame in bytes (SETTINGS_MAX_FRAME_SIZE). Default 16,384, the smallest possible.
  public var maxFrameSize = 16_384

  /// RST_STREAM frames that a client may send at once (CVE-2023-44487). Default 1,000. A stream that ends in order on
  /// both sides gives one back, so a busy client may cancel half of its calls, at any rate.
  /// Empty: GOAWAY with ENHANCE_YOUR_CALM. A server's resets are not limited: it only ends what we began.
  public var resetBurst = 1_000
  /// RST_STREAM frames per second that come back beside these. Default 200: calls that meet their deadline are legal resets.
  public var resetsPerSecond = 200
  /// Faults that a peer may commit at once (CVE-2025-8671): streams it made us reset, refuse or reject, empty
  /// DATA frames, and what the layers above report. Default 1,000. Empty: GOAWAY with ENHANCE_YOUR_CALM.
  public var glitchBurst = 1_000
  /// Faults per second that come back. Default 100.
  public var glitchesPerSecond = 100
  /// PING, SETTINGS, PRIORITY and WINDOW_UPDATE frames that a peer may send at once (CVE-2019-9511, -9512,
  /// -9513, -9515). Default 2,000. Useful traffic gives tokens back: 2 for each HEADERS or DATA frame received,
  /// 20 for each DATA frame sent, as a reader may answer each with several WINDOW_UPDATE frames and a PING that
  /// measures bandwidth. Empty: GOAWAY with ENHANCE_YOUR_CALM.
  public var controlFrameBurst = 2_000
  /// Control frames per second that come back without any traffic. Default 200.
  public var controlFramesPerSecond = 200

  /// CONTINUATION frames in one header block (CVE-2024-28182). Default 8.
  /// Above it: GOAWAY with ENHANCE_YOUR_CALM.
  public var maxContinuations = 8
  /// DATA frames without a byte of payload and without END_STREAM, in a row (CVE-2019-9518). Default 1.
  /// Each one above it is a fault.
  public var maxEmptyDataFrames = 1
  /// Entries in one SETTINGS frame (CVE-2020-11080). Default 32. Above it: GOAWAY with ENHANCE_YOUR_CALM.
  public var maxSettingsEntries = 32
  /// Acknowledgements of PING and SETTINGS that wait because the peer does not read (CVE-2019-9512).
  /// Default 1,000. Above it: GOAWAY with ENHANCE_YOUR_CALM.
  public var maxOutboundAcks = 1_000
  /// Frames other than DATA that wait because the peer does not read. Default 5,000.
  /// Above it: GOAWAY with ENHANCE_YOUR_CALM.
  public var maxOutboundFrames = 5_000
  /// Payload in bytes that waits in all send queues together. Default 64 MiB (67,108,864). What would go above
  /// it resets its stream with ENHANCE_YOUR_CALM; the other streams go on. With nothing waiting, one payload of
  /// any size is taken.
  public var maxOutboundBytes = 64 << 20
  /// Streams that a client may open in one `receive`. Default 256, and never less than `maxConcurrentStreams`:
  /// only resets among them make more possible. Those above it are refused (REFUSED_STREAM), each a fault.
  public var maxNewStreamsPerRead = 256

  /// The defaults.
  public init() {}
}
