/* tests/unit/test_net_stream.c - host/net_stream.c. */
#include "host/net_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "tests/unit/stderr_capture.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"

struct rig {
	struct loop *loop;
	struct net *net;
	struct net_user user;
	pthread_mutex_t lock;
	int peer;
	unsigned arrived, drained, changed;
	uint8_t buf[NET_BUFFER];
};

static struct rig *rig_of(struct net_user *user)
{
	return container_of(user, struct rig, user);
}

static void arrived(struct net_user *user)
{
	rig_of(user)->arrived++;
}

static void drained(struct net_user *user)
{
	rig_of(user)->drained++;
}

static void changed(struct net_user *user)
{
	rig_of(user)->changed++;
}

static void begin(struct rig *rig)
{
	struct err err = { 0 };
	int pair[2];

	*rig = (struct rig){ 0 };
	(void)pthread_mutex_init(&rig->lock, NULL);
	rig->user = (struct net_user){ &rig->lock, arrived, drained, changed };
	assert_int_equal(loop_new(&rig->loop, &err), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	rig->peer = pair[1];
	assert_int_equal(
		net_stream_new(&rig->net, rig->loop, pair[0], "--net", &err),
		0);
	assert_int_equal(rig->net->ops->attach(rig->net, &rig->user, &err), 0);
	assert_true(rig->net->up && !rig->net->full);
}

static void end(struct rig *rig)
{
	rig->net->ops->close(rig->net);
	if (rig->peer >= 0)
		(void)close(rig->peer);
	rig->loop = loop_free(rig->loop);
	(void)pthread_mutex_destroy(&rig->lock);
}

/* Ends a loop once all that is ready has been served. */
struct once {
	struct loop_timer timer;
	struct loop *loop;
};

static void end_loop(struct loop_timer *timer)
{
	loop_stop(container_of(timer, struct once, timer)->loop);
}

/* Serves the loop for as long as something is ready. */
static void serve(struct rig *rig)
{
	struct once once = { .loop = rig->loop, .timer.expired = end_loop };
	struct err err = { 0 };

	assert_int_equal(loop_timer_add(rig->loop, &once.timer, &err), 0);
	loop_timer_set(&once.timer, 1000000);
	assert_int_equal(loop_run(rig->loop, &err), 0);
	loop_timer_remove(rig->loop, &once.timer);
}

static void peer_sends(const struct rig *rig, const void *buf, size_t len)
{
	assert_int_equal(send(rig->peer, buf, len, 0), len);
}

/* The peer sends a length and @there bytes of a frame. */
static void peer_frame(const struct rig *rig, uint32_t len, size_t there)
{
	static uint8_t frame[4 + NET_FRAME_MAX];

	store_be32(frame, len);
	memset(frame + 4, 0x33, there);
	peer_sends(rig, frame, 4 + there);
}

static size_t receive(struct rig *rig)
{
	memset(rig->buf, 0xee, sizeof(rig->buf));
	return rig->net->ops->receive(rig->net, rig->buf);
}

static void receive__gives_frames_one_by_one(void **state)
{
	static const uint8_t zeroes[NET_HEADER];
	struct rig rig;

	(void)state;
	begin(&rig);
	assert_int_equal(receive(&rig), 0);
	peer_frame(&rig, 60, 60);
	serve(&rig);
	assert_true(rig.arrived > 0);
	peer_frame(&rig, ETH_HLEN, ETH_HLEN);
	peer_frame(&rig, NET_FRAME_MAX, NET_FRAME_MAX);
	assert_int_equal(receive(&rig), NET_HEADER + 60);
	assert_memory_equal(rig.buf, zeroes, NET_HEADER);
	assert_int_equal(rig.buf[NET_HEADER], 0x33);
	assert_int_equal(rig.buf[NET_HEADER + 60], 0xee);
	assert_int_equal(receive(&rig), NET_HEADER + ETH_HLEN);
	assert_int_equal(receive(&rig), NET_BUFFER);
	assert_int_equal(receive(&rig), 0);
	end(&rig);
}

static void receive__puts_pieces_together(void **state)
{
	uint8_t frame[4 + 100];
	struct rig rig;

	(void)state;
	begin(&rig);
	store_be32(frame, 100);
	memset(frame + 4, 0x44, 100);
	for (unsigned round = 0; round < 3; round++) {
		for (size_t i = 0; i < sizeof(frame); i++) {
			assert_int_equal(receive(&rig), 0);
			peer_sends(&rig, frame + i, 1);
		}
		assert_int_equal(receive(&rig), NET_HEADER + 100);
		assert_int_equal(rig.buf[NET_HEADER + 99], 0x44);
	}
	end(&rig);
}

static void receive__a_length_that_is_none_ends_it(void **state)
{
	static const uint32_t bad[] = {
		0, 1, ETH_HLEN - 1, NET_FRAME_MAX + 1, 0x7fffffff, 0xffffffff
	};
	struct stderr_capture cap;
	char said[512];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct rig rig;

		begin(&rig);
		peer_frame(&rig, 60, 60);
		peer_frame(&rig, bad[i], 20);
		peer_frame(&rig, 60, 60);
		assert_int_equal(receive(&rig), NET_HEADER + 60);
		cap = stderr_capture_begin();
		assert_int_equal(receive(&rig), 0);
		stderr_capture_end(&cap, said, sizeof(said));
		assert_string_equal(said,
				    "vmm: warning: --net: what came is no "
				    "Ethernet frame; the guest's network is "
				    "down\n");
		assert_false(rig.net->up);
		assert_int_equal(rig.changed, 1);
		assert_int_equal(receive(&rig), 0);
		assert_int_equal(rig.net->ops->send(rig.net, rig.buf, 100),
				 -ENOTCONN);
		end(&rig);
	}
}

static void end__is_told_once_all_frames_are_taken(void **state)
{
	struct stderr_capture cap;
	char said[512];
	struct rig rig;

	(void)state;
	begin(&rig);
	peer_frame(&rig, 60, 60);
	(void)close(rig.peer);
	rig.peer = -1;
	cap = stderr_capture_begin();
	serve(&rig);
	assert_true(rig.arrived > 0);
	assert_int_equal(receive(&rig), NET_HEADER + 60);
	assert_int_equal(receive(&rig), 0);
	stderr_capture_end(&cap, said, sizeof(said));
	assert_string_equal(said, "vmm: warning: --net: the other side has "
				  "hung up; the guest's network is down\n");
	assert_false(rig.net->up);
	assert_int_equal(rig.changed, 1);
	end(&rig);
}

/* Nobody receives: the guest has no driver. */
static void end__is_told_when_nobody_listens(void **state)
{
	struct stderr_capture cap;
	char said[512];
	struct rig rig;

	(void)state;
	begin(&rig);
	(void)close(rig.peer);
	rig.peer = -1;
	cap = stderr_capture_begin();
	serve(&rig);
	stderr_capture_end(&cap, said, sizeof(said));
	assert_int_equal(rig.changed, 1);
	assert_false(rig.net->up);
	end(&rig);
}

/* Reads what was sent, a byte for each of the frames' content. */
static size_t drain(const struct rig *rig, uint8_t *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size &&
	       (n = recv(rig->peer, buf + len, size - len, MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	return len;
}

static void send__frames_are_whole_however_slow_the_peer(void **state)
{
	static uint8_t got[64 * (4 + NET_FRAME_MAX)];
	size_t len = 0, at = 0;
	unsigned sent = 0;
	struct rig rig;

	(void)state;
	begin(&rig);
	/* Until it is full, and twice more when it is drained. */
	for (unsigned round = 0; round < 3; round++) {
		while (!rig.net->full) {
			const size_t size = 60 + (sent * 7919u) % 60000u;

			assert_true(sent < 60);
			memset(rig.buf, (int)sent, NET_HEADER + size);
			assert_int_equal(rig.net->ops->send(rig.net, rig.buf,
							    NET_HEADER + size),
					 0);
			sent++;
		}
		while (rig.net->full) {
			len += drain(&rig, got + len, sizeof(got) - len);
			serve(&rig);
		}
		assert_int_equal(rig.drained, round + 1);
	}
	len += drain(&rig, got + len, sizeof(got) - len);
	for (unsigned i = 0; i < sent; i++) {
		const size_t size = 60 + (i * 7919u) % 60000u;

		assert_int_equal(load_be32(got + at), size);
		assert_int_equal(got[at + 4], i);
		assert_int_equal(got[at + 3 + size], i);
		at += 4 + size;
	}
	assert_int_equal(at, len);
	end(&rig);
}

static void send__to_a_peer_that_is_gone_is_an_error(void **state)
{
	struct stderr_capture cap;
	char said[512];
	struct rig rig;

	(void)state;
	begin(&rig);
	(void)close(rig.peer);
	rig.peer = -1;
	memset(rig.buf, 0, sizeof(rig.buf));
	cap = stderr_capture_begin();
	assert_int_equal(rig.net->ops->send(rig.net, rig.buf, 100), -EPIPE);
	stderr_capture_end(&cap, said, sizeof(said));
	assert_false(rig.net->up || rig.net->full);
	end(&rig);
}

static void connect__says_why_it_cannot(void **state)
{
	char path[200], expected[256];
	struct temp_folder folder;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct err err = { 0 };
	struct net *net;
	struct loop *loop;
	int fd;

	(void)state;
	assert_int_equal(temp_folder_make(&folder, "/tmp"), 0);
	assert_int_equal(loop_new(&loop, &err), 0);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(net_unix_new(&net, loop, path, &err), -ENAMETOOLONG);
	assert_true(err.input);
	(void)snprintf(path, sizeof(path), "%s/none", folder.path);
	(void)snprintf(expected, sizeof(expected),
		       "%s: No such file or directory", path);
	assert_int_equal(net_unix_new(&net, loop, path, &err), -ENOENT);
	assert_string_equal(err.msg, expected);
	assert_true(err.input);

	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	memcpy(at.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(net_unix_new(&net, loop, path, &err), -ECONNREFUSED);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(net_unix_new(&net, loop, path, &err), 0);
	net->ops->close(net); /* never attached */
	(void)close(fd);
	loop = loop_free(loop);
	assert_int_equal(temp_folder_remove(&folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(receive__gives_frames_one_by_one),
		cmocka_unit_test(receive__puts_pieces_together),
		cmocka_unit_test(receive__a_length_that_is_none_ends_it),
		cmocka_unit_test(end__is_told_once_all_frames_are_taken),
		cmocka_unit_test(end__is_told_when_nobody_listens),
		cmocka_unit_test(send__frames_are_whole_however_slow_the_peer),
		cmocka_unit_test(send__to_a_peer_that_is_gone_is_an_error),
		cmocka_unit_test(connect__says_why_it_cannot),
	};

	return RUN_TESTS(tests);
}
