// Counts what a whole process asks of the heap, by standing in for malloc and its family in a program that was not
// built for it (LD_PRELOAD). The counts are in the file that BULWARK_ALLOCATIONS names, where another process can read
// them while this one runs; it must hold 16 bytes. `CAllocations` counts one thread from inside.
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct counts {
  _Atomic uint64_t blocks;
  _Atomic uint64_t bytes;
};

static struct counts unpublished;
static struct counts *counts = &unpublished;

__attribute__((constructor)) static void publish(void) {
  const char *path = getenv("BULWARK_ALLOCATIONS");
  int file = path == NULL ? -1 : open(path, O_RDWR);
  if (file < 0) return;
  void *shared = mmap(NULL, sizeof(struct counts), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (shared != MAP_FAILED) counts = shared;
}

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static void *counted(void *block, size_t size) {
  if (block != NULL) {
    atomic_fetch_add_explicit(&counts->blocks, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counts->bytes, size, memory_order_relaxed);
  }
  return block;
}

void *malloc(size_t size) { return counted(__libc_malloc(size), size); }
void *calloc(size_t count, size_t size) { return counted(__libc_calloc(count, size), count * size); }
void *realloc(void *old, size_t size) { return counted(__libc_realloc(old, size), size); }
void *memalign(size_t alignment, size_t size) { return counted(__libc_memalign(alignment, size), size); }
void *aligned_alloc(size_t alignment, size_t size) { return counted(__libc_memalign(alignment, size), size); }

int posix_memalign(void **result, size_t alignment, size_t size) {
  void *block = counted(__libc_memalign(alignment, size), size);
  if (block == NULL) return 12;
  *result = block;
  return 0;
}
