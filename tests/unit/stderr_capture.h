/* tests/unit/stderr_capture.h - what is written to the standard error. */
#ifndef TESTS_UNIT_STDERR_CAPTURE_H
#define TESTS_UNIT_STDERR_CAPTURE_H

#include <stddef.h>

struct stderr_capture {
	int saved;
	int read_end;
};

/* Turns the standard error into a pipe. What is captured must fit into it. */
struct stderr_capture stderr_capture_begin(void);

/* Puts it back. Keeps in @buf what was written, as a string; returns @buf. */
char *stderr_capture_end(struct stderr_capture *capture, char *buf,
			 size_t size);

#endif
