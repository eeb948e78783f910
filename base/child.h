/* base/child.h - a program that this process starts, and whose end it waits
 * for. */
#ifndef BASE_CHILD_H
#define BASE_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The most descriptors that a child is given. */
#define CHILD_FDS 8

/* The program. Everything is borrowed for the call. */
struct child_spec {
	const char *const *argv; /* ends with NULL; argv[0] is looked for in
				    PATH unless it has a slash */
	const int *fds; /* the child's descriptor i is a copy of fds[i];
			   -1: /dev/null. All others are closed on exec. */
	size_t count; /* of fds; 3 to CHILD_FDS */
	bool session; /* a session of its own: the terminal's keys are not for
			 it */
};

/*
 * Starts a program. It blocks no signal, and SIGPIPE and SIGXFSZ do to it what
 * they do by default.
 *
 * Returns 0 with its number, or the negative errno of fcntl(2) or
 * posix_spawnp(3): -ENOENT if there is no such program. Thread: any.
 */
int child_spawn(pid_t *ret, const struct child_spec *spec);

/*
 * Waits until a child ends, and takes its status from the kernel.
 *
 * @wait_ms: when it is told to end (SIGTERM)
 * @term_ms: how long after that it is ended (SIGKILL)
 *
 * A process that can open no descriptor cannot wait for a limited time, and
 * ends it at once.
 *
 * Returns waitpid(2)'s status. Thread: any, one for a child.
 */
int child_end(pid_t pid, int wait_ms, int term_ms);

#endif
