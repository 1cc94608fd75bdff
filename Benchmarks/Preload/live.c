// Counts the bytes of the heap that a whole process holds, by standing in for malloc and its family in a program that was
// not built for it (LD_PRELOAD): what the resident size tells of the heap rises with the pages that malloc keeps, too. The
// count is in the file that BULWARK_LIVE_BYTES names with the process's number after it, eight bytes that another process
// can read while this one runs.
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static _Atomic int64_t unpublished;
static _Atomic int64_t *live = &unpublished;

__attribute__((constructor)) static void publish(void) {
  const char *prefix = getenv("BULWARK_LIVE_BYTES");
  char path[4096];
  if (prefix == NULL || snprintf(path, sizeof path, "%s%d", prefix, (int)getpid()) >= (int)sizeof path) return;
  int file = open(path, O_RDWR | O_CREAT, 0600);
  if (file < 0) return;
  if (ftruncate(file, sizeof *live) == 0) {
    void *shared = mmap(NULL, sizeof *live, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (shared != MAP_FAILED) {
      atomic_store((_Atomic int64_t *)shared, atomic_load(&unpublished));
      live = shared;
    }
  }
  close(file);
}

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static void add(int64_t bytes) { atomic_fetch_add_explicit(live, bytes, memory_order_relaxed); }

static void *held(void *block) {
  if (block != NULL) add((int64_t)malloc_usable_size(block));
  return block;
}

void *malloc(size_t size) { return held(__libc_malloc(size)); }
void *calloc(size_t count, size_t size) { return held(__libc_calloc(count, size)); }
void *memalign(size_t alignment, size_t size) { return held(__libc_memalign(alignment, size)); }
void *aligned_alloc(size_t alignment, size_t size) { return held(__libc_memalign(alignment, size)); }

void *realloc(void *old, size_t size) {
  int64_t before = old == NULL ? 0 : (int64_t)malloc_usable_size(old);
  void *block = __libc_realloc(old, size);
  // With nothing in return the old block is still there, unless it was to be freed.
  if (block != NULL || size == 0) add(-before);
  return held(block);
}

void free(void *block) {
  if (block != NULL) add(-(int64_t)malloc_usable_size(block));
  __libc_free(block);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
  void *block = held(__libc_memalign(alignment, size));
  if (block == NULL) return 12;
  *result = block;
  return 0;
}
