/* tests/unit/test_net_passt.c - host/net_passt.c. A script stands in for
 * passt. */
#include "host/net_passt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"

static const char *const none[] = { NULL };

/* What passt was given, and the network. */
struct rig {
	struct temp_folder folder;
	struct loop *loop;
	struct net *net;
	struct net_user user;
	pthread_mutex_t lock;
	char *path; /* what PATH was */
	uint8_t buf[NET_BUFFER];
};

static void ignore_net(struct net_user *user)
{
	(void)user;
}

static void begin(struct rig *rig, const char *script)
{
	const char *had = getenv("PATH");
	char file[TEMP_PATH_SIZE], path[TEMP_PATH_SIZE * 2];
	struct err err = { 0 };

	*rig = (struct rig){ .user = { &rig->lock, ignore_net, ignore_net,
				       ignore_net } };
	(void)pthread_mutex_init(&rig->lock, NULL);
	assert_int_equal(temp_folder_make(&rig->folder, "/tmp"), 0);
	rig->path = strdup(had ? had : "");
	(void)setenv("HERE", rig->folder.path, 1);
	if (script) {
		temp_folder_put(&rig->folder, "passt", script);
		temp_folder_path(&rig->folder, "passt", file);
		assert_int_equal(chmod(file, 0755), 0);
		(void)snprintf(path, sizeof(path), "%s:/usr/bin:/bin",
			       rig->folder.path);
	} else {
		(void)snprintf(path, sizeof(path), "%s", rig->folder.path);
	}
	(void)setenv("PATH", path, 1);
	assert_int_equal(loop_new(&rig->loop, &err), 0);
}

static int start(struct rig *rig, const struct net_passt_options *opt,
		 struct err *err)
{
	*err = (struct err){ 0 };
	return net_passt_new(&rig->net, rig->loop, opt, err);
}

static void end(struct rig *rig)
{
	if (rig->net)
		rig->net->ops->close(rig->net);
	/* No child is left behind, dead or alive. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	rig->loop = loop_free(rig->loop);
	(void)setenv("PATH", rig->path, 1);
	free(rig->path);
	assert_int_equal(temp_folder_remove(&rig->folder), 0);
	(void)pthread_mutex_destroy(&rig->lock);
}

/* Says that it is ready, and sends back what it is sent. */
#define ECHOES                                  \
	"#!/bin/sh\necho \"$@\" >$HERE/words\n" \
	"echo $$ >/proc/self/fd/4\nexec cat <&3 >&3 4>&-\n"

static void start__gives_a_network(void **state)
{
	static const char *const tcp[] = { "8080:80", "127.0.0.1/22:22", NULL };
	static const char *const udp[] = { "53:53", NULL };
	const struct net_passt_options opt = { tcp, udp, 9000, -1 };
	char file[TEMP_PATH_SIZE], words[512];
	struct err err;
	struct rig rig;
	size_t len = 0;

	(void)state;
	begin(&rig, ECHOES);
	if (start(&rig, &opt, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(rig.net->ops->attach(rig.net, &rig.user, &err), 0);
	memset(rig.buf, 0x55, sizeof(rig.buf));
	assert_int_equal(rig.net->ops->send(rig.net, rig.buf, 100), 0);
	memset(rig.buf, 0, sizeof(rig.buf));
	for (unsigned i = 0; len == 0 && i < 10000; i++) {
		len = rig.net->ops->receive(rig.net, rig.buf);
		(void)poll(NULL, 0, 1);
	}
	assert_int_equal(len, 100);
	assert_int_equal(rig.buf[NET_HEADER], 0x55);
	temp_folder_path(&rig.folder, "words", file);
	assert_int_equal(file_read_text(file, words, sizeof(words)), 0);
	assert_string_equal(words, "--foreground --quiet --fd 3 --pid "
				   "/proc/self/fd/4 --mtu 9000 --tcp-ports "
				   "8080:80 --tcp-ports 127.0.0.1/22:22 "
				   "--udp-ports 53:53\n");
	end(&rig);
}

static void start__without_passt_names_the_package(void **state)
{
	const struct net_passt_options opt = { none, none, 0, -1 };
	struct err err;
	struct rig rig;

	(void)state;
	begin(&rig, NULL);
	assert_int_equal(start(&rig, &opt, &err), -ENOENT);
	assert_string_equal(err.msg, "there is no passt in PATH, which the "
				     "package passt has");
	assert_true(err.input);
	end(&rig);
}

static void start__quotes_what_passt_said_at_its_end(void **state)
{
	static const struct {
		const char *script, *said;
	} ends[] = {
		{ "#!/bin/sh\necho first >&2\necho No port 80 >&2\nexit 1\n",
		  "passt: it has ended: No port 80" },
		{ "#!/bin/sh\nexit 1\n",
		  "passt: it has ended: it said nothing" },
		{ "#!/bin/sh\nhead -c 100000 /dev/zero | tr '\\0' x >&2\n"
		  "exec 4>&-; exec sleep 100 <&3\n",
		  NULL },
	};
	const struct net_passt_options opt = { none, none, 0, -1 };

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		struct err err;
		struct rig rig;

		begin(&rig, ends[i].script);
		assert_int_equal(start(&rig, &opt, &err), -ECHILD);
		if (ends[i].said)
			assert_string_equal(err.msg, ends[i].said);
		end(&rig);
	}
}

/* It does not listen to its socket: it is ended all the same. */
static void close__leaves_no_passt_behind(void **state)
{
	const struct net_passt_options opt = { none, none, 0, -1 };
	struct err err;
	struct rig rig;

	(void)state;
	begin(&rig, "#!/bin/sh\necho $$ >/proc/self/fd/4\nexec sleep 1000\n");
	assert_int_equal(start(&rig, &opt, &err), 0);
	end(&rig);
}

/* It is never ready, and somebody wants this process to end. */
static void start__is_ended_by_an_interrupt(void **state)
{
	struct net_passt_options opt = { none, none, 0, -1 };
	struct err err;
	struct rig rig;

	(void)state;
	opt.interrupt_fd = eventfd(1, EFD_CLOEXEC);
	begin(&rig, "#!/bin/sh\nexec sleep 1000 4>&4\n");
	assert_int_equal(start(&rig, &opt, &err), -EINTR);
	end(&rig);
	(void)close(opt.interrupt_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(start__gives_a_network),
		cmocka_unit_test(start__without_passt_names_the_package),
		cmocka_unit_test(start__quotes_what_passt_said_at_its_end),
		cmocka_unit_test(start__is_ended_by_an_interrupt),
		cmocka_unit_test(close__leaves_no_passt_behind),
	};

	return RUN_TESTS(tests);
}
