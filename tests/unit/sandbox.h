/* tests/unit/sandbox.h - system calls that fail, as in a container. */
#ifndef TESTS_UNIT_SANDBOX_H
#define TESTS_UNIT_SANDBOX_H

/*
 * From now on each system call @number of this thread, and of threads that it
 * starts, returns -1 with @error. It cannot be undone: fork() before. Returns
 * 0, or -1 where the kernel has no seccomp filters.
 */
int sandbox_forbid(int number, int error);

/* The same for calls whose second argument is @arg. */
int sandbox_forbid_arg(int number, unsigned arg, int error);

#endif
