/*
 * host/tty_log.h - a guest's console output in a file.
 *
 * With a limit, the file is renamed to FILE.1 once half of the limit is in it,
 * in the place of the one before, and a new FILE begins. So both together have
 * the last bytes of the output: at least half of the limit, once there are so
 * many, and never more than the limit.
 *
 * Output is written at once, so what a guest said last is there when this
 * process is killed. A write that fails ends the log, which is said once; the
 * guest does not care.
 */
#ifndef HOST_TTY_LOG_H
#define HOST_TTY_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct tty_log;

/*
 * Opens the file, and empties one that is there.
 *
 * @path: copied
 * @max:  bytes of both files; 0: there is no limit, and one file
 *
 * Returns 0; -EINVAL, a fault of the user's, if it is no regular file; -ENOMEM;
 * or the errno of open(2). The message begins with the path. Thread: setup.
 */
int tty_log_open(struct tty_log **ret, const char *path, uint64_t max,
		 struct err *err);

/* NULL is fine; returns NULL. Thread: setup; no other thread uses the log. */
struct tty_log *tty_log_close(struct tty_log *log);

/* Writes output. Blocks as a write of a regular file does. Thread: any. */
void tty_log_write(struct tty_log *log, const uint8_t *buf, size_t len);

#endif
