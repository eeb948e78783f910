/* tests/unit/stderr_capture.c - what is written to the standard error. */
#include "tests/unit/stderr_capture.h"

#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/test.h"

struct stderr_capture stderr_capture_begin(void)
{
	struct stderr_capture capture;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	capture.saved = dup(STDERR_FILENO);
	capture.read_end = fds[0];
	(void)dup2(fds[1], STDERR_FILENO);
	(void)close(fds[1]);
	return capture;
}

char *stderr_capture_end(struct stderr_capture *capture, char *buf, size_t size)
{
	ssize_t n;

	(void)dup2(capture->saved, STDERR_FILENO);
	(void)close(capture->saved);
	n = read(capture->read_end, buf, size - 1);
	(void)close(capture->read_end);
	buf[n > 0 ? n : 0] = '\0';
	return buf;
}
