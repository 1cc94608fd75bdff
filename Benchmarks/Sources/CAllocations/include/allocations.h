#ifndef BULWARK_ALLOCATIONS_H
#define BULWARK_ALLOCATIONS_H
#include <stdint.h>

/// How many blocks this thread has asked the heap for so far.
uint64_t allocations_of_this_thread(void);

/// How many bytes of the heap this thread has taken and not given back, as the heap rounds them.
int64_t bytes_of_this_thread(void);

#endif
