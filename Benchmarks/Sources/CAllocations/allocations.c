// Counts what a program asks of the heap, by standing in for malloc and its family in the whole process.
#include "allocations.h"
#include <malloc.h>
#include <stddef.h>

static _Thread_local uint64_t allocations;
static _Thread_local int64_t bytes;

uint64_t allocations_of_this_thread(void) { return allocations; }
int64_t bytes_of_this_thread(void) { return bytes; }

#if defined(__GLIBC__)
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static void *counted(void *block) {
  if (block != NULL) {
    allocations += 1;
    bytes += (int64_t)malloc_usable_size(block);
  }
  return block;
}

void *malloc(size_t size) { return counted(__libc_malloc(size)); }
void *calloc(size_t count, size_t size) { return counted(__libc_calloc(count, size)); }

void *realloc(void *old, size_t size) {
  int64_t before = old == NULL ? 0 : (int64_t)malloc_usable_size(old);
  void *block = __libc_realloc(old, size);
  if (block == NULL && size != 0) return NULL;
  bytes -= before;
  return counted(block);
}

void *memalign(size_t alignment, size_t size) { return counted(__libc_memalign(alignment, size)); }
void *aligned_alloc(size_t alignment, size_t size) { return counted(__libc_memalign(alignment, size)); }

int posix_memalign(void **result, size_t alignment, size_t size) {
  void *block = counted(__libc_memalign(alignment, size));
  if (block == NULL) return 12;
  *result = block;
  return 0;
}

void free(void *block) {
  if (block == NULL) return;
  bytes -= (int64_t)malloc_usable_size(block);
  __libc_free(block);
}
#endif
