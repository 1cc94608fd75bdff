public import BulwarkHTTP2
import struct NIOCore.ByteBuffer

/// A peer that speaks in single frames, legal or not, to a session, in memory and in virtual time.
///
/// It answers nothing by itself: no SETTINGS acknowledgement, no PING, no WINDOW_UPDATE.
public final class RawPeer {
  /// The session under test.
  public let session: HTTP2Session
  /// The virtual time in nanoseconds.
  public var now: Int64 = 0
  /// Every frame that the session has sent, so far as it was read.
  public private(set) var frames: [RawFrame] = []
  /// Every event of the session.
  public private(set) var events: [HTTP2Event] = []
  private var parser: RawFrameParser

  /// A client's place opposite a server. The preface and empty SETTINGS are sent at once.
  public init(against session: HTTP2ServerSession) {
    self.session = session
    self.parser = RawFrameParser()
    self.send(bytes: RawFrame.clientPreface)
    self.send(.settings())
  }

  /// A server's place opposite a client. Empty SETTINGS are sent at once.
  public init(against session: HTTP2ClientSession) {
    self.session = session
    self.parser = RawFrameParser(skippingPreface: true)
    self.send(.settings())
  }

  /// Hands bytes to the session, in one piece or in pieces of `chunk` bytes, and gathers its events.
  public func send(bytes: [UInt8], chunk: Int = .max) {
    var start = 0
    while start < bytes.count {
      let end = bytes.count - start <= chunk ? bytes.count : start + chunk
      self.session.receive(ByteBuffer(bytes: bytes[start..<end]), now: self.now)
      self.gatherEvents()
      start = end
    }
  }

  /// Hands frames to the session in one piece.
  public func send(_ frames: RawFrame...) {
    self.send(frames)
  }

  /// Hands frames to the session in one piece.
  public func send(_ frames: [RawFrame]) {
    self.send(bytes: frames.flatMap(\.bytes))
  }

  /// Reads all that the session has to send now.
  public func read() {
    var more = true
    while more {
      var buffer = ByteBuffer()
      more = self.session.takeOutbound(into: &buffer, limit: 65_536)
      self.frames += self.parser.append(buffer.readableBytesView)
    }
    self.gatherEvents()
  }

  /// The frames of one kind that were read.
  public func frames(_ kind: RawFrame.Kind) -> [RawFrame] {
    self.frames.filter { $0.kind == kind }
  }

  private func gatherEvents() {
    while let event = self.session.nextEvent() {
      self.events.append(event)
    }
  }
}
