/* vmm/control/gdb_commands.c - hands a guest to gdb. */
#include "vmm/control/gdb_commands.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arch/arch.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "vmm/control/control.h"
#include "vmm/control/qmp.h"
#include "vmm/debug/gdb_session.h"
#include "vmm/machine/machine.h"

static void hold_debugged_guest(void *ctx)
{
	struct control *control = ctx;

	control->debugged = true;
	control_hold(control);
}

static void release_debugged_guest(void *ctx)
{
	struct control *control = ctx;

	control->debugged = false;
	control_release(control);
}

static void kill_debugged_guest(void *ctx)
{
	struct control *control = ctx;

	control->asked_quit = true;
	machine_end(control->machine, OUTCOME_QUIT);
}

static void end_gdb_session(void *ctx)
{
	struct control *control = ctx;

	control->gdb = gdb_session_free(control->gdb, false);
	control->busy = NULL;
}

/* Where gdb connects. */
struct gdb_door {
	struct control *control; /* borrowed */
	struct loop_watch watch; /* its socket is owned */
	struct control_socket socket; /* of a path; its fd is @watch's */
	bool waits; /* the guest is held until a session begins */
};

/* The session holds the guest by itself. */
static void stop_waiting(struct gdb_door *door)
{
	if (!door || !door->waits)
		return;
	door->waits = false;
	/* Its hold counts on. */
	door->control->held--;
}

static void begin_gdb_session(struct control *control, int fd)
{
	const struct gdb_session_owner owner = {
		.hold = hold_debugged_guest,
		.release = release_debugged_guest,
		.kill = kill_debugged_guest,
		.ended = end_gdb_session,
		.ctx = control,
	};
	struct err err = { 0 };

	/* Two clients may have asked at once. */
	if (control->busy || !control->vm) {
		(void)close(fd);
		return;
	}
	if (gdb_session_new(&control->gdb, control->vm, control->machine->loop,
			    fd, &owner, &err) < 0) {
		log_warn("gdb cannot have the guest: %s", err.msg);
		return;
	}
	control->busy = "a session of gdb";
	stop_waiting(control->gdb_door);
}

static void attach_gdb(void *ctx, int fd, unsigned how)
{
	(void)how;
	begin_gdb_session(ctx, fd);
}

static void gdb_knocks(struct loop_watch *watch, uint32_t events)
{
	struct gdb_door *door = container_of(watch, struct gdb_door, watch);
	const int fd = accept4(watch->fd, NULL, NULL,
			       SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd >= 0)
		begin_gdb_session(door->control, fd);
}

/* Only this host's own users may connect, whoever they are. */
static int listen_on_port(uint16_t port, struct err *err)
{
	const struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	_cleanup_(fd_closep) int fd = socket(
		AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int one = 1;

	if (fd < 0)
		return err_sys(err, "socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(fd, 1) < 0) {
		(void)err_sys(err, "bind");
		err->input = true;
		return err->code;
	}
	return TAKE_FD(fd);
}

static int open_gdb_door(struct gdb_door *door, const struct gdb_spec *spec,
			 struct err *err)
{
	int r = 0;

	if (spec->port) {
		door->watch.fd = listen_on_port(spec->port, err);
		r = door->watch.fd < 0 ? door->watch.fd : 0;
	} else {
		r = control_socket_open(&door->socket, spec->place, NULL, err);
		door->watch.fd = door->socket.fd;
		err->input = r < 0;
	}
	door->watch.ready = gdb_knocks;
	if (r == 0)
		r = loop_add(door->control->machine->loop, &door->watch,
			     EPOLLIN, err);
	return r;
}

static void close_gdb_door(struct gdb_door *door)
{
	if (door->socket.fd >= 0) {
		control_socket_remove(&door->socket);
		control_socket_close(&door->socket);
	} else {
		fd_closep(&door->watch.fd);
	}
	free(door);
}

int gdb_commands_begin(struct control *control, struct err *err)
{
	const struct gdb_spec *spec = &control->machine->config->gdb;
	struct gdb_door *door;
	int r;

	if (!spec->place || control->gdb_door)
		return 0;
	r = arch_gdb_check(control->vm, err);
	if (r < 0)
		return err_wrap(err, "--gdb");
	door = calloc(1, sizeof(*door));
	if (!door)
		return err_set(err, -ENOMEM, "--gdb: out of memory");
	*door = (struct gdb_door){ .control = control,
				   .watch.fd = -1,
				   .socket.fd = -1 };
	r = open_gdb_door(door, spec, err);
	if (r < 0) {
		close_gdb_door(door);
		return err_wrap(err, "--gdb %s", spec->place);
	}
	control->gdb_door = door;
	door->waits = spec->wait;
	if (door->waits)
		hold_debugged_guest(control);
	return 0;
}

int command_x_vmm_gdb_attach(struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;
	int r = control_check_here(control, err);

	if (r == 0 && control->busy)
		r = err_set(err, -EBUSY, "%s is under way", control->busy);
	if (r == 0 && !control->vm)
		r = err_set(err, -ECANCELED, "there is no guest");
	if (r == 0)
		r = arch_gdb_check(control->vm, err);
	if (r == 0)
		call->take_over = attach_gdb;
	return r;
}

void gdb_commands_restart(struct control *control, struct vm *vm)
{
	if (control->gdb)
		gdb_session_restarts(control->gdb, vm);
}

void gdb_commands_end(struct control *control)
{
	struct gdb_door *door = control->gdb_door;

	control->gdb = gdb_session_free(control->gdb, true);
	control->gdb_door = NULL;
	if (!door)
		return;
	loop_remove(control->machine->loop, &door->watch);
	close_gdb_door(door);
}
