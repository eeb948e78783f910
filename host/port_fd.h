/*
 * host/port_fd.h - a port whose other end is a descriptor of this process: one
 * direction of it, as of a standard stream.
 *
 * The guest's output to a pipe that nobody reads any more ends the port, so
 * that the writer in the guest can be told. Output that fails otherwise (a full
 * disk) ends it, too, and its errno is kept.
 */
#ifndef HOST_PORT_FD_H
#define HOST_PORT_FD_H

#include "host/port.h"
#include "host/tty_end.h"

struct port_fd {
	struct port port;
	int fd; /* borrowed */
	bool in; /* the guest reads it; else it writes it */
	struct tty_end end; /* of @fd; none while no device is attached */
	struct loop_watch watch;
	struct loop *loop; /* NULL: @watch is not in it */
	struct port_user *user;
	bool open; /* a program of the guest has it open */
	void (*closed)(void *ctx); /* it has closed it; NULL: nobody asks.
				      Thread: any. The caller's */
	void *ctx; /* of closed(); the caller's */
	int failed; /* the errno that ended output, positive; 0: none */
};

/*
 * Makes a port, which needs no release.
 *
 * @name: a static string
 * @fd:   borrowed; outlives the port. -1: there is nothing to read, and output
 *        is thrown away.
 * @in:   the guest reads it; else it writes it
 */
void port_fd_init(struct port_fd *ret, const char *name, int fd, bool in);

#endif
