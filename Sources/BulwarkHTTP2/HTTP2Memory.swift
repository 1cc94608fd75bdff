import CNghttp2

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Memory that the sessions of one thread hand on to each other, so that a call takes none from the system.
///
/// nghttp2 allocates a stream, its frames and copies of their header lists for every call, eight blocks, and frees them
/// when it ends. Here freed blocks of up to a kilobyte wait for the next call, in lists by size.
///
/// Servers' sessions also share the buffer of 16 KiB in which nghttp2 puts together what it sends: with one of its own, an
/// idle session holds a page of it for ever.
///
/// Sessions that share a memory are used from one thread at a time, all together: those of one event loop. A session is
/// closed there; one that is let go of without having been closed may be so on any thread.
public final class HTTP2Memory {
  private let lists: UnsafeMutablePointer<FreeBlocks>

  /// - Parameter limit: how many bytes of free blocks are kept; what is freed beyond them goes back to the system.
  public init(keepingUpTo limit: Int = 256 * 1024) {
    self.lists = .allocate(capacity: 1)
    self.lists.initialize(to: FreeBlocks(limit: limit))
  }

  deinit {
    self.lists.pointee.releaseAll()
    self.lists.deinitialize(count: 1)
    self.lists.deallocate()
  }

  /// How many bytes of free blocks are kept.
  package var keptBytes: Int { self.lists.pointee.keptBytes }

  /// A session's access to the memory. It outlives the session's handle.
  final class Lease {
    private let memory: HTTP2Memory
    /// What nghttp2 hands to its allocator: where the lists are, or nil if they must not be touched any more.
    private let access: UnsafeMutablePointer<UnsafeMutablePointer<FreeBlocks>?>

    init(_ memory: HTTP2Memory) {
      self.memory = memory
      self.access = .allocate(capacity: 1)
      self.access.initialize(to: memory.lists)
    }

    deinit {
      self.access.deinitialize(count: 1)
      self.access.deallocate()
    }

    /// nghttp2's allocator. It is copied into the session, and holds no reference.
    var allocator: nghttp2_mem {
      nghttp2_mem(
        mem_user_data: UnsafeMutableRawPointer(self.access),
        malloc: { size, access in allocate(size, FreeBlocks.of(access)) },
        free: { block, access in release(block, FreeBlocks.of(access)) },
        calloc: { count, size, access in
          let (bytes, isOverflow) = count.multipliedReportingOverflow(by: size)
          guard !isOverflow, let block = allocate(bytes, FreeBlocks.of(access)) else { return nil }
          return memset(block, 0, bytes)
        },
        realloc: { block, size, access in resize(block, size, FreeBlocks.of(access)) }
      )
    }

    /// Whether nghttp2 is given the frame buffer that the memory's sessions share: to be true while it makes a session,
    /// and only a server's.
    ///
    /// Safe, although sessions take turns: what nghttp2 writes to the buffer it hands out in the same call of
    /// `nghttp2_session_mem_send`, and never reads again, and a session copies it before the next call (see `drain`). The
    /// rest of a long header block waits in buffers of its own. What would break it: a session that leaves off between
    /// the two, or a client's, which writes its preface when it is made.
    func lendFrameBuffer(_ isLent: Bool) {
      self.memory.lists.pointee.lendsFrameBuffer = isLent
    }

    /// From now on blocks come from the system and go back to it: for a thread that is not the memory's.
    func detach() {
      self.access.pointee = nil
    }
  }
}

/// Free blocks by size: each holds the address of the next one in its first word.
private struct FreeBlocks {
  /// In front of each block: its size class, or one of the two below. As long as malloc's alignment.
  static let header = 16
  /// That of a block too large for the lists.
  static let largeClass = 0
  /// That of the frame buffer.
  static let frameBufferClass = -1
  private static let classes = 64
  /// nghttp2 asks for nothing as large when it makes a session, but for the buffer that holds a frame of 2^14 bytes, the
  /// least that a peer has to take (RFC 9113, section 4.2).
  static let leastFrameBuffer = 16_384

  /// The first free block of each class. No array: nghttp2 comes here twenty times a call, and an array looks each time
  /// whether it is shared.
  private let heads: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  private(set) var keptBytes = 0
  private let limit: Int
  var lendsFrameBuffer = false
  private var frameBuffer: (block: UnsafeMutableRawPointer, size: Int)?

  init(limit: Int) {
    self.heads = .allocate(capacity: Self.classes)
    self.heads.initialize(repeating: nil, count: Self.classes)
    self.limit = limit
  }

  static func of(_ access: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<FreeBlocks>? {
    access?.assumingMemoryBound(to: UnsafeMutablePointer<FreeBlocks>?.self).pointee
  }

  /// The class of a block of so many bytes, header included.
  static func sizeClass(of bytes: Int) -> Int {
    let sizeClass = (bytes + 7) / 16
    return sizeClass < self.classes ? sizeClass : self.largeClass
  }

  /// The size of a class's blocks, header included: what glibc's malloc makes of it without loss, since it has eight bytes
  /// of its own and rounds up to sixteen. An idle connection holds some thirty blocks.
  static func size(of sizeClass: Int) -> Int { 16 * sizeClass + 8 }

  /// A free block of a class, which `sizeClass(of:)` has named.
  mutating func take(_ sizeClass: Int) -> UnsafeMutableRawPointer? {
    guard let block = self.heads[sizeClass] else { return nil }
    self.heads[sizeClass] = block.load(as: UnsafeMutableRawPointer?.self)
    self.keptBytes -= Self.size(of: sizeClass)
    return block
  }

  /// Keeps a block of such a class, if there is room for it.
  mutating func keep(_ block: UnsafeMutableRawPointer, _ sizeClass: Int) -> Bool {
    guard self.keptBytes + Self.size(of: sizeClass) <= self.limit else { return false }
    block.storeBytes(of: self.heads[sizeClass], as: UnsafeMutableRawPointer?.self)
    self.heads[sizeClass] = block
    self.keptBytes += Self.size(of: sizeClass)
    return true
  }

  /// The frame buffer, if it holds so many bytes, header included, and there is memory for it.
  mutating func takeFrameBuffer(_ size: Int) -> UnsafeMutableRawPointer? {
    if self.frameBuffer == nil, let block = malloc(size) { self.frameBuffer = (block, size) }
    guard let (block, capacity) = self.frameBuffer, size <= capacity else { return nil }
    return block
  }

  /// Gives everything back to the system; it is not used any more.
  mutating func releaseAll() {
    free(self.frameBuffer?.block)
    self.frameBuffer = nil
    for sizeClass in 0..<Self.classes {
      while let block = self.take(sizeClass) { free(block) }
    }
    self.heads.deinitialize(count: Self.classes)
    self.heads.deallocate()
  }
}

/// Memory for so many bytes, or nil if there is none.
private func allocate(_ size: Int, _ lists: UnsafeMutablePointer<FreeBlocks>?) -> UnsafeMutableRawPointer? {
  let (total, isOverflow) = size.addingReportingOverflow(FreeBlocks.header)
  guard !isOverflow, total > 0 else { return nil }
  let sizeClass = FreeBlocks.sizeClass(of: total)
  guard sizeClass != FreeBlocks.largeClass else { return allocateLarge(size, total, lists) }
  guard let block = lists?.pointee.take(sizeClass) ?? malloc(FreeBlocks.size(of: sizeClass)) else {
    return nil
  }
  return begin(block, sizeClass, size)
}

private func allocateLarge(
  _ size: Int,
  _ total: Int,
  _ lists: UnsafeMutablePointer<FreeBlocks>?
) -> UnsafeMutableRawPointer? {
  if size > FreeBlocks.leastFrameBuffer, lists?.pointee.lendsFrameBuffer == true,
    let block = lists?.pointee.takeFrameBuffer(total)
  {
    return begin(block, FreeBlocks.frameBufferClass, size)
  }
  return malloc(total).map { begin($0, FreeBlocks.largeClass, size) }
}

/// Fills in the header; returns what is behind it.
@inline(__always)
private func begin(_ block: UnsafeMutableRawPointer, _ sizeClass: Int, _ size: Int) -> UnsafeMutableRawPointer
{
  block.storeBytes(of: sizeClass, as: Int.self)
  // For the copy of a block that grows: how many bytes of it are the caller's.
  block.storeBytes(of: size, toByteOffset: MemoryLayout<Int>.stride, as: Int.self)
  return block + FreeBlocks.header
}

private func release(_ pointer: UnsafeMutableRawPointer?, _ lists: UnsafeMutablePointer<FreeBlocks>?) {
  guard let pointer else { return }
  let block = pointer - FreeBlocks.header
  let sizeClass = block.load(as: Int.self)
  if sizeClass > 0, lists?.pointee.keep(block, sizeClass) == true { return }
  // The frame buffer is the memory's.
  if sizeClass != FreeBlocks.frameBufferClass { free(block) }
}

private func resize(
  _ pointer: UnsafeMutableRawPointer?,
  _ size: Int,
  _ lists: UnsafeMutablePointer<FreeBlocks>?
) -> UnsafeMutableRawPointer? {
  guard let new = allocate(size, lists) else { return nil }
  guard let pointer else { return new }
  let oldSize = (pointer - FreeBlocks.header).load(fromByteOffset: MemoryLayout<Int>.stride, as: Int.self)
  memcpy(new, pointer, min(oldSize, size))
  release(pointer, lists)
  return new
}
