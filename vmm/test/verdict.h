/* vmm/test/verdict.h - what a run of `vmm test` ends with. [pure] */
#ifndef VMM_TEST_VERDICT_H
#define VMM_TEST_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm/test/console.h"

/* Exit statuses beside the command's own: vmm-test(1). */
enum test_status {
	TEST_REPORTED = 120, /* the command passed, the kernel did not */
	TEST_PANIC = 121,
	TEST_GONE = 122, /* the guest ended without an answer */
	TEST_NO_BOOT = 123, /* the command could not be started */
	TEST_TIMEOUT = 124,
	TEST_FAILED = 125, /* vmm's own failure, bad usage included */
};

/* What is known of a run once it has ended. */
struct test_facts {
	bool booted; /* init has spoken */
	bool ran; /* the command was started */
	bool told; /* its status is known */
	bool signaled; /* a signal ended it */
	int code; /* its status, or that signal */
	const char *refusal; /* why init could not start it; NULL: no reason */
	bool boot_late; /* the boot took too long */
	int run_status; /* of vmm-run(1) */
	bool left; /* the user left it: Ctrl-a x */
	bool ignore_reports;
	const struct console *console;
};

#define VERDICT_TEXT 512

/* Returns the exit status. @text: a sentence that says why; "" if the status is
 * the command's. */
int test_judge(const struct test_facts *facts, char text[VERDICT_TEXT]);

#endif
