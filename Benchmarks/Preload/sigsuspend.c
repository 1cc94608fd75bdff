// Lets Valgrind 3.19 run a program whose main thread is parked by libdispatch, as that of every Swift program with an
// asynchronous main is: Valgrind writes into the mask that is passed to sigsuspend, and libdispatch's is a constant.
// Loaded with LD_PRELOAD.
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

int sigsuspend(const sigset_t *mask) {
  sigset_t writable = *mask;
  // The kernel's mask has 64 signals, glibc's sigset_t has room for more.
  return (int)syscall(SYS_rt_sigsuspend, &writable, 8);
}
