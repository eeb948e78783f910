/* tests/unit/test_migrate_parts.c - vmm/migrate/channel.c, files.c and
 * target.c. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/test.h"
#include "vmm/migrate/channel.h"
#include "vmm/migrate/files.h"
#include "vmm/migrate/stream.h"
#include "vmm/migrate/target.h"

/* What has come is taken before a request to end is looked at. */
static void channel__what_has_come_goes_first(void **state)
{
	struct channel channel;
	struct err err;
	char byte = 1;
	int pair[2];
	const int stop = eventfd(1, EFD_CLOEXEC);

	(void)state;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	channel_open(&channel, pair[0], pair[0], 0);
	channel.stop = stop;
	assert_int_equal(write(pair[1], &byte, 1), 1);
	assert_int_equal(channel_read(&channel, &byte, 1, &err), 0);
	assert_int_equal(channel_read(&channel, &byte, 1, &err), -ECANCELED);
	channel_close(&channel);
	(void)close(pair[1]);
	(void)close(stop);
}

/* Sends a byte now and then, for as long as somebody reads. */
static void *trickle(void *arg)
{
	const int fd = *(const int *)arg;

	while (send(fd, "x", 1, MSG_NOSIGNAL) == 1)
		(void)poll(NULL, 0, 1);
	return NULL;
}

static void channel__a_slow_other_side_ends_by_the_deadline(void **state)
{
	static char much[1 << 20];
	struct channel channel;
	pthread_t thread;
	struct err err;
	int pair[2];

	(void)state;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	channel_open(&channel, pair[0], pair[0], 0);
	assert_int_equal(pthread_create(&thread, NULL, trickle, &pair[1]), 0);
	channel_limit(&channel, 50);
	assert_int_equal(channel_read(&channel, much, sizeof(much), &err),
			 -ETIMEDOUT);
	assert_string_equal(err.msg, "the other side takes too long");
	channel_close(&channel);
	assert_int_equal(pthread_join(thread, NULL), 0);
	(void)close(pair[1]);
}

/* Whoever has the same open file goes on with it as before. */
static void channel__leaves_descriptors_as_they_were(void **state)
{
	struct channel channel;
	int pair[2];

	(void)state;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	channel_open(&channel, dup(pair[0]), dup(pair[0]), 0);
	assert_true(fcntl(pair[0], F_GETFL) & O_NONBLOCK);
	channel_close(&channel);
	assert_false(fcntl(pair[0], F_GETFL) & O_NONBLOCK);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

/* The loop's thread says so: a source that does not read is not waited for, nor
 * is a command. */
static void target__that_runs_does_not_wait(void **state)
{
	struct migrate_target target = MIGRATE_TARGET_NONE;
	char byte = 0;
	pid_t child;
	int pair[2];

	(void)state;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	child = fork();
	if (child == 0)
		for (;;)
			(void)pause();
	channel_open(&target.channel, pair[0], pair[0], child);
	target.channel.patience_ms = -1;
	while (write(pair[0], &byte, 1) == 1)
		;
	migrate_target_done(&target);
	assert_int_equal(target.channel.in, -1);
	/* It is ended all the same. */
	while (kill(child, 0) == 0)
		(void)poll(NULL, 0, 10);
	(void)close(pair[1]);
}

/* One that ignores what ends others. */
static void channel__a_command_ends_in_any_case(void **state)
{
	struct channel channel;
	int pair[2];
	pid_t child;

	(void)state;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	(void)signal(SIGTERM, SIG_IGN);
	child = fork();
	if (child == 0)
		for (;;)
			(void)pause();
	(void)signal(SIGTERM, SIG_DFL);
	assert_true(child > 0);
	channel_open(&channel, pair[0], pair[0], child);
	channel_close(&channel);
	assert_int_equal(kill(child, 0), -1);
	(void)close(pair[1]);
}

static void target__that_a_signal_ends_says_so(void **state)
{
	struct migrate_target target = MIGRATE_TARGET_NONE;
	const struct err none = { 0 };
	struct stream_message message;
	struct channel source;
	struct err err;
	int pair[2];

	(void)state;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	channel_open(&target.channel, pair[0], pair[0], 0);
	channel_open(&source, pair[1], pair[1], 0);
	migrate_target_fail(&target, &none);
	assert_int_equal(stream_read_header(&source, &message, &err),
			 -EREMOTEIO);
	assert_string_equal(err.msg, "the other side: ended by a signal");
	migrate_target_finish(&target);
	channel_close(&source);
}

/* What tells whether a guest that was given up has run at the target. */
static void yield__a_file_that_is_written_since_is_told(void **state)
{
	const struct timespec early[] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	FILE *image = tmpfile();
	struct migrate_files files = { .count = 1 };
	struct migrate_file *file = &files.file[0];
	struct err err;

	(void)state;
	assert_non_null(image);
	*file = (struct migrate_file){ .path = "disk",
				       .fd = fileno(image),
				       .written = true };
	assert_int_equal(ftruncate(file->fd, 4096), 0);
	assert_int_equal(migrate_files_share(&files, &err), 0);
	migrate_files_yield(&files);
	assert_int_equal(migrate_files_check_yielded(&files, &err), 0);
	assert_int_equal(futimens(file->fd, early), 0);
	assert_int_equal(migrate_files_check_yielded(&files, &err), -ESTALE);
	assert_non_null(strstr(err.msg, "disk: was written"));
	migrate_files_yield(&files);
	assert_int_equal(ftruncate(file->fd, 8192), 0);
	assert_int_equal(futimens(file->fd, early), 0);
	assert_int_equal(migrate_files_check_yielded(&files, &err), -ESTALE);
	/* What the guest only reads is not its doing. */
	file->written = false;
	assert_int_equal(migrate_files_check_yielded(&files, &err), 0);
	assert_int_equal(fclose(image), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(channel__what_has_come_goes_first),
		cmocka_unit_test(
			channel__a_slow_other_side_ends_by_the_deadline),
		cmocka_unit_test(channel__leaves_descriptors_as_they_were),
		cmocka_unit_test(target__that_runs_does_not_wait),
		cmocka_unit_test(channel__a_command_ends_in_any_case),
		cmocka_unit_test(target__that_a_signal_ends_says_so),
		cmocka_unit_test(yield__a_file_that_is_written_since_is_told),
	};

	return RUN_TESTS(tests);
}
