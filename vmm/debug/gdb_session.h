/*
 * vmm/debug/gdb_session.h - a gdb that is connected to a guest.
 *
 * The guest stands when the session begins, and goes on when it ends, however
 * that ends: gdb detaches, or the connection does. Thread: the loop's.
 */
#ifndef VMM_DEBUG_GDB_SESSION_H
#define VMM_DEBUG_GDB_SESSION_H

#include "base/err.h"

struct gdb_session;
struct loop;
struct vm;

/* What the session asks of the guest's owner, on the loop. */
struct gdb_session_owner {
	void (*hold)(void *ctx); /* the VM is paused when it returns */
	void (*release)(void *ctx);
	void (*kill)(void *ctx);
	void (*ended)(void *ctx); /* the session, which is to be freed */
	void *ctx;
};

/*
 * Begins a session.
 *
 * @loop: borrowed; outlives the session
 * @fd:   a stream socket; owned, failure included
 *
 * Returns 0; -ENOMEM; what loop_add() returns; or what gdb_guest_init() does.
 */
int gdb_session_new(struct gdb_session **ret, struct vm *vm, struct loop *loop,
		    int fd, const struct gdb_session_owner *owner,
		    struct err *err);

/* The VM goes (NULL), and another one comes. */
void gdb_session_restarts(struct gdb_session *session, struct vm *vm);

/* Tells gdb that the guest has ended, if it has, and ends the session. NULL is
 * fine; returns NULL. */
struct gdb_session *gdb_session_free(struct gdb_session *session, bool ended);

#endif
