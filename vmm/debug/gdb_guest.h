/*
 * vmm/debug/gdb_guest.h - a guest of KVM's, as gdb sees it.
 *
 * Software breakpoints are instructions that are written over the guest's: gdb
 * does not see them, and they go when the session does. Hardware breakpoints
 * and watchpoints are KVM's, as many as the host's processor has.
 *
 * Thread: the loop's.
 */
#ifndef VMM_DEBUG_GDB_GUEST_H
#define VMM_DEBUG_GDB_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "vmm/debug/gdb_stub.h"

struct vm;

#define GDB_POINTS_MAX 64
#define GDB_BREAK_MAX 4 /* bytes of a software breakpoint */

struct gdb_guest_point {
	enum gdb_point kind;
	uint64_t addr, len;
	uint8_t was[GDB_BREAK_MAX]; /* GDB_POINT_SOFTWARE: what it is over */
};

struct gdb_points {
	struct gdb_guest_point at[GDB_POINTS_MAX];
	size_t count;
};

/* What the guest is held by. All are called on the loop. */
struct gdb_holder {
	void (*hold)(void *ctx); /* the VM is paused when it returns */
	void (*release)(void *ctx);
	void (*kill)(void *ctx);
	/* A vCPU has stopped by itself: the guest is held. */
	void (*stopped)(void *ctx, const struct gdb_stop *stop);
	void *ctx;
};

struct gdb_guest {
	struct vm *vm; /* borrowed; NULL: between two boots */
	struct loop *loop; /* borrowed */
	struct gdb_holder holder;
	struct loop_watch trap; /* its eventfd is owned */
	struct gdb_points points;
	bool held; /* by us */
	bool stands; /* it was, when its last VM went */
};

/*
 * Takes hold of a guest.
 *
 * @guest: stays where it is until gdb_guest_finish()
 *
 * Returns 0; -ENOTSUP if this host's KVM cannot debug its guests; or the errno
 * of eventfd(2) or epoll_ctl(2).
 */
int gdb_guest_init(struct gdb_guest *guest, struct vm *vm, struct loop *loop,
		   const struct gdb_holder *holder, struct err *err);

/* Takes all breakpoints away, and lets the guest go on. */
void gdb_guest_finish(struct gdb_guest *guest);

/* The VM goes (NULL): it is released; and another comes, held if the one before
 * was. Memory has been loaded anew then: software breakpoints are gone. */
void gdb_guest_restarts(struct gdb_guest *guest, struct vm *vm);

/* The operations of a stub; their ctx is the guest. */
extern const struct gdb_target_ops gdb_guest_ops;

#endif
