/* tests/kvm/fail.h - how a test below main() ends that went wrong. */
#ifndef TESTS_KVM_FAIL_H
#define TESTS_KVM_FAIL_H

#include <stdio.h>
#include <unistd.h>

#include "base/err.h"

/* At once, whatever other threads do: runner.sh looks for the word. */
static inline _Noreturn void fail(const char *what, const char *why)
{
	printf("FAIL %s: %s\n", what, why);
	(void)fflush(stdout);
	_exit(1);
}

/* @r is what a function returned that fills @err. */
static inline void check(int r, const char *what, const struct err *err)
{
	if (r < 0)
		fail(what, err->msg);
}

#endif
