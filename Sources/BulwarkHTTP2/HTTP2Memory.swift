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

    /// From now on blocks come from the system and go back to it: for a thread that is not the memory's.
    func detach() {
      self.access.pointee = nil
    }
  }
}

/// Free blocks by size: each holds the address of the next one in its first word.
private struct FreeBlocks {
  /// Sizes are multiples of this, header included.
  static let step = 64
  static let classes = 17
  /// In front of each block: its size class, or 0 for a block of any other size. As long as malloc's alignment.
  static let header = 16

  private var heads: [UnsafeMutableRawPointer?]
  private(set) var keptBytes = 0
  private let limit: Int

  init(limit: Int) {
    self.heads = Array(repeating: nil, count: Self.classes)
    self.limit = limit
  }

  static func of(_ access: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<FreeBlocks>? {
    access?.assumingMemoryBound(to: UnsafeMutablePointer<FreeBlocks>?.self).pointee
  }

  mutating func take(_ sizeClass: Int) -> UnsafeMutableRawPointer? {
    guard let block = self.heads[sizeClass] else { return nil }
    self.heads[sizeClass] = block.load(as: UnsafeMutableRawPointer?.self)
    self.keptBytes -= sizeClass * Self.step
    return block
  }

  mutating func keep(_ block: UnsafeMutableRawPointer, _ sizeClass: Int) -> Bool {
    guard self.keptBytes + sizeClass * Self.step <= self.limit else { return false }
    block.storeBytes(of: self.heads[sizeClass], as: UnsafeMutableRawPointer?.self)
    self.heads[sizeClass] = block
    self.keptBytes += sizeClass * Self.step
    return true
  }

  mutating func releaseAll() {
    for sizeClass in self.heads.indices {
      while let block = self.take(sizeClass) { free(block) }
    }
  }
}

/// Memory for so many bytes, or nil if there is none.
private func allocate(_ size: Int, _ lists: UnsafeMutablePointer<FreeBlocks>?) -> UnsafeMutableRawPointer? {
  let (total, isOverflow) = size.addingReportingOverflow(FreeBlocks.header)
  guard !isOverflow, total > 0 else { return nil }
  let steps = (total - 1) / FreeBlocks.step + 1
  let sizeClass = steps < FreeBlocks.classes ? steps : 0
  let block =
    (sizeClass > 0 ? lists?.pointee.take(sizeClass) : nil)
    ?? malloc(sizeClass > 0 ? sizeClass * FreeBlocks.step : total)
  guard let block else { return nil }
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
  free(block)
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
