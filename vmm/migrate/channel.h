/*
 * vmm/migrate/channel.h - a stream of bytes to the other side of a migration,
 * and back. [pure]
 *
 * Nothing waits for ever: each call ends when the other side has moved nothing
 * for the channel's patience; CHANNEL_CALL_MS after it has moved the first byte
 * of what the call moves; at the channel's deadline; and when @stop becomes
 * readable and nothing has come. Thread: one at a time for each channel.
 */
#ifndef VMM_MIGRATE_CHANNEL_H
#define VMM_MIGRATE_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/err.h"

#define CHANNEL_PATIENCE_MS 30000
/* Pages are moved a MiB at a time: that is 9 KiB in a second. */
#define CHANNEL_CALL_MS 120000

struct channel {
	int in, out; /* owned; may be the same; -1: none */
	pid_t child; /* whose input and output they are; 0: none; reaped here */
	int stop; /* borrowed; -1: none */
	int patience_ms; /* -1: for ever */
	uint64_t deadline; /* of all calls, by clock_ns(); 0: none */
	uint64_t sent; /* bytes written */
	int in_flags, out_flags; /* that the descriptors had; -1: not known */
};

#define CHANNEL_NONE                                                \
	{                                                           \
		.in = -1, .out = -1, .stop = -1,                    \
		.patience_ms = CHANNEL_PATIENCE_MS, .in_flags = -1, \
		.out_flags = -1                                     \
	}

/*
 * Takes descriptors over.
 *
 * @in, @out: for reading and for writing; the same for a socket. Made
 *            non-blocking until they are closed: others may have the same
 *            open file
 * @child:    a process that ends once they are closed; 0: none
 */
void channel_open(struct channel *channel, int in, int out, pid_t child);

/* Closes it, and waits for the child, which is ended if that takes long, by
 * SIGKILL at last. None is fine. */
void channel_close(struct channel *channel);

/* The same, but does not wait: a thread does that. */
void channel_close_aside(struct channel *channel);

/*
 * Reads exactly @len bytes.
 *
 * Returns 0; -ECONNRESET if the other side has closed; -ETIMEDOUT; -ECANCELED
 * if @stop is readable; or the errno of read(2), which is -EFAULT if host
 * memory cannot be had for @buf.
 */
int channel_read(struct channel *channel, void *buf, size_t len,
		 struct err *err);

/*
 * Writes all that @iov holds, which is changed.
 *
 * Returns 0; -ECONNRESET if the other side has closed; -ETIMEDOUT; -ECANCELED;
 * or the errno of writev(2).
 */
int channel_write(struct channel *channel, struct iovec *iov, size_t count,
		  struct err *err);

/* Has all calls end within @ms from now on. */
void channel_limit(struct channel *channel, int ms);

/* How long a wait may take by @patience_ms and @deadline, for poll(2). */
int channel_wait_ms(const struct channel *channel);

/* Waits for as long. Returns 0, or -ECANCELED if @stop is readable. */
int channel_sleep(const struct channel *channel, uint64_t ns, struct err *err);

#endif
