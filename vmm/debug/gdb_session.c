/* vmm/debug/gdb_session.c - a gdb that is connected to a guest. */
#include "vmm/debug/gdb_session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "arch/arch.h"
#include "base/cleanup.h"
#include "base/loop.h"
#include "vmm/debug/gdb_guest.h"

struct gdb_session {
	struct loop *loop; /* borrowed */
	struct loop_watch watch; /* its socket is owned */
	struct gdb_session_owner owner;
	struct gdb_guest guest;
	struct gdb_stub stub;
	uint8_t in[GDB_PACKET_MAX]; /* what the stub has not taken yet */
	size_t in_len;
};

static void hold_for_gdb(void *ctx)
{
	const struct gdb_session *session = ctx;

	session->owner.hold(session->owner.ctx);
}

static void release_for_gdb(void *ctx)
{
	const struct gdb_session *session = ctx;

	session->owner.release(session->owner.ctx);
}

static void kill_for_gdb(void *ctx)
{
	const struct gdb_session *session = ctx;

	session->owner.kill(session->owner.ctx);
}

/* Waits for bytes while there is room for them; and for room in the socket
 * while there is something to send, or packets wait for that. */
static void watch_gdb(struct gdb_session *session)
{
	const bool reads = session->in_len < sizeof(session->in);
	const bool sends = session->stub.out_len > 0 || session->in_len > 0;

	loop_modify(session->loop, &session->watch,
		    (reads ? EPOLLIN : 0) | (sends ? EPOLLOUT : 0));
}

/* Sends what the socket takes. Returns false if the other side is gone. */
static bool flush_gdb(struct gdb_session *session)
{
	struct gdb_stub *stub = &session->stub;

	while (stub->out_len > 0) {
		const ssize_t n = send(session->watch.fd, stub->out,
				       stub->out_len,
				       MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return false;
		gdb_stub_sent(stub, (size_t)n);
	}
	watch_gdb(session);
	return true;
}

static void tell_gdb_stop(void *ctx, const struct gdb_stop *stop)
{
	struct gdb_session *session = ctx;

	gdb_stub_stopped(&session->stub, stop);
	/* Its end is seen by the next read. */
	(void)flush_gdb(session);
}

/* Returns false at the end of what gdb sends. */
static bool read_gdb(struct gdb_session *session)
{
	const size_t room = sizeof(session->in) - session->in_len;
	ssize_t n;

	if (room == 0)
		return true;
	do
		n = recv(session->watch.fd, session->in + session->in_len, room,
			 MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		session->in_len += (size_t)n;
	return n > 0 || (n < 0 && errno == EAGAIN);
}

/* Obeys packets until the socket takes no more answers. Returns false if the
 * other side is gone. */
static bool obey_gdb(struct gdb_session *session)
{
	size_t taken;

	do {
		taken = gdb_stub_receive(&session->stub, session->in,
					 session->in_len);
		session->in_len -= taken;
		memmove(session->in, session->in + taken, session->in_len);
		if (!flush_gdb(session))
			return false;
	} while (taken > 0 && session->in_len > 0);
	return true;
}

static void gdb_ready(struct loop_watch *watch, uint32_t events)
{
	struct gdb_session *session = container_of(watch, struct gdb_session,
						   watch);
	bool there = read_gdb(session);

	(void)events;
	there = obey_gdb(session) && there;
	if (!there || session->stub.left)
		session->owner.ended(session->owner.ctx);
}

int gdb_session_new(struct gdb_session **ret, struct vm *vm, struct loop *loop,
		    int fd, const struct gdb_session_owner *owner,
		    struct err *err)
{
	struct gdb_session *session = calloc(1, sizeof(*session));
	struct gdb_holder holder = { .hold = hold_for_gdb,
				     .release = release_for_gdb,
				     .kill = kill_for_gdb,
				     .stopped = tell_gdb_stop,
				     .ctx = session };
	int r;

	if (!session) {
		(void)close(fd);
		return err_set(err, -ENOMEM, "gdb: out of memory");
	}
	session->loop = loop;
	session->owner = *owner;
	session->watch = (struct loop_watch){ .fd = fd, .ready = gdb_ready };
	gdb_stub_begin(&session->stub, &gdb_guest_ops, &session->guest,
		       &arch_gdb_registers);
	r = gdb_guest_init(&session->guest, vm, loop, &holder, err);
	if (r == 0) {
		r = loop_add(loop, &session->watch, EPOLLIN, err);
		if (r < 0)
			gdb_guest_finish(&session->guest);
	}
	if (r < 0) {
		(void)close(fd);
		free(session);
		return r;
	}
	*ret = session;
	return 0;
}

void gdb_session_restarts(struct gdb_session *session, struct vm *vm)
{
	gdb_guest_restarts(&session->guest, vm);
}

struct gdb_session *gdb_session_free(struct gdb_session *session, bool ended)
{
	if (!session)
		return NULL;
	if (ended)
		gdb_stub_ended(&session->stub);
	(void)flush_gdb(session);
	loop_remove(session->loop, &session->watch);
	gdb_guest_finish(&session->guest);
	(void)close(session->watch.fd);
	free(session);
	return NULL;
}
