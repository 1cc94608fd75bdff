#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Writes out what was printed: output into a pipe is buffered, and a reader waits for the line.
func flushOutput() {
  fflush(nil)
}
