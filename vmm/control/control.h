/*
 * vmm/control/control.h - a running guest, as its control socket's clients see
 * and change it.
 *
 * This is what the commands are given. lifetime.h makes it and ends it.
 * Requests of clients outlive a reset of the guest: a paused guest stays
 * paused.
 *
 * Thread: the loop's, or while no loop runs.
 */
#ifndef VMM_CONTROL_CONTROL_H
#define VMM_CONTROL_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vmm/control/socket.h"

struct arrival;
struct dirty_rate_watch;
struct dump_job;
struct dump_result;
struct gdb_door;
struct gdb_session;
struct machine;
struct migration;
struct pageout_job;
struct qmp_server;
struct rest;
struct snapshots;
struct vm;

/* How the last core dump went. */
enum dump_status { DUMP_NONE, DUMP_ACTIVE, DUMP_DONE, DUMP_FAILED };

struct control {
	struct machine *machine; /* borrowed */
	struct vm *vm; /* borrowed; what runs now; NULL: none */
	const char *name; /* of the virtual machine; borrowed */
	char unnamed[16]; /* what it is called if it was given none */
	struct control_socket socket;
	struct dirty_rate_watch *dirty_rate; /* owned; NULL: never asked for */
	struct qmp_server *server; /* owned; NULL: there is no socket */
	struct pageout_job *pageout; /* owned; NULL: none is at work */
	struct snapshots *snapshots; /* owned; NULL: none was asked for */
	struct arrival *arrival; /* owned; NULL: the guest is here */
	struct migration *migration; /* owned; NULL: none was asked for */
	struct gdb_session *gdb; /* owned; NULL: none is connected */
	struct gdb_door *gdb_door; /* owned; NULL: there is no --gdb */
	struct rest *rest; /* borrowed; memory that is at the source still;
			      NULL: none */
	const char *busy; /* what copies the guest now, and wants no other
			     beside it; NULL: nothing */
	bool paused; /* by a client, or --on-panic; outlives a reset, and is
			known before the guest comes */
	bool debugged; /* gdb keeps it from running */
	bool panicked; /* the guest did, and waits for what follows */
	struct dump_job *dump; /* owned; NULL: none is written */
	/* What follows its end; the guest is held. */
	void (*dumped_then)(struct control *control,
			    const struct dump_result *result);
	bool dump_left; /* the guest was let go before @dump was written */
	enum dump_status dump_status;
	uint64_t dumped; /* bytes of the last one */
	unsigned held; /* by snapshots, dumps and migrations: how many do,
			  whatever clients say */
	bool asked_reset; /* a client did, not the guest */
	bool asked_quit; /* the same */
};

/* Pauses the guest, or lets it go on, and tells the clients so. Both are
 * idempotent. */
void control_pause(struct control *control);
void control_resume(struct control *control);

/* Two of one guest must not run. Returns 0, or -EPERM if it has moved. */
int control_check_here(const struct control *control, struct err *err);

/* Stops the guest for a snapshot, dump or migration; and lets it go on, unless
 * another one holds it, or a client has paused it. Clients are not told. */
void control_hold(struct control *control);
void control_release(struct control *control);

#endif
