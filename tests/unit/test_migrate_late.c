/*
 * tests/unit/test_migrate_late.c - vmm/migrate where the host does not answer:
 * here, getaddrinfo(3) and fdatasync(2) return when a test says so.
 */
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/test.h"
#include "vmm/migrate/channel.h"
#include "vmm/migrate/files.h"
#include "vmm/migrate/resolve.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool answers; /* the host */
static unsigned answered;

static void answer(void)
{
	(void)pthread_mutex_lock(&lock);
	while (!answers)
		(void)pthread_cond_wait(&changed, &lock);
	answered++;
	(void)pthread_cond_broadcast(&changed);
	(void)pthread_mutex_unlock(&lock);
}

int fdatasync(int fildes)
{
	(void)fildes;
	answer();
	errno = EIO;
	return -1;
}

int getaddrinfo(const char *restrict name, const char *restrict service,
		const struct addrinfo *restrict req,
		struct addrinfo **restrict pai)
{
	(void)name;
	(void)service;
	(void)req;
	(void)pai;
	answer();
	return EAI_NONAME;
}

static void set_answers(bool on)
{
	(void)pthread_mutex_lock(&lock);
	answers = on;
	answered = 0;
	(void)pthread_cond_broadcast(&changed);
	(void)pthread_mutex_unlock(&lock);
}

/* Those that were left alone end in the end. */
static void await_answered(unsigned count)
{
	(void)pthread_mutex_lock(&lock);
	answers = true;
	(void)pthread_cond_broadcast(&changed);
	while (answered < count)
		(void)pthread_cond_wait(&changed, &lock);
	(void)pthread_mutex_unlock(&lock);
}

static void resolve__is_not_waited_for(void **state)
{
	const int stop = eventfd(1, EFD_CLOEXEC);
	struct channel wait = CHANNEL_NONE;
	struct err err = { 0 };

	(void)state;
	set_answers(false);
	wait.deadline = clock_ns() + 1;
	assert_null(resolve_host("far", "80", 0, &wait, &err));
	assert_int_equal(err.code, -ETIMEDOUT);
	assert_string_equal(err.msg, "tcp:far:80: took too long");
	wait.deadline = 0;
	wait.stop = stop;
	assert_null(resolve_host("far", "80", 0, &wait, &err));
	assert_int_equal(err.code, -ECANCELED);
	await_answered(2);
	wait.stop = -1;
	assert_null(resolve_host("far", "80", 0, &wait, &err));
	assert_int_equal(err.code, -EHOSTUNREACH);
	assert_true(err.input);
	(void)close(stop);
}

static void sync__is_not_waited_for(void **state)
{
	const int stop = eventfd(1, EFD_CLOEXEC);
	struct migrate_files files = { .count = 2 };
	FILE *image = tmpfile();
	struct err err = { 0 };

	(void)state;
	assert_non_null(image);
	files.file[0] = (struct migrate_file){ .path = "rom", .fd = -1 };
	files.file[1] = (struct migrate_file){ .path = "disk",
					       .fd = fileno(image),
					       .written = true };
	set_answers(false);
	assert_int_equal(migrate_files_sync(&files, -1, clock_ns() + 1, &err),
			 -ETIMEDOUT);
	assert_int_equal(migrate_files_sync(&files, stop, 0, &err), -ECANCELED);
	await_answered(2);
	assert_int_equal(migrate_files_sync(&files, -1, 0, &err), -EIO);
	assert_non_null(strstr(err.msg, "disk: write to the disk: "));
	/* What the guest does not write is not the host's to answer for. */
	files.count = 1;
	set_answers(false);
	assert_int_equal(migrate_files_sync(&files, stop, 0, &err), 0);
	assert_int_equal(fclose(image), 0);
	(void)close(stop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resolve__is_not_waited_for),
		cmocka_unit_test(sync__is_not_waited_for),
	};

	return RUN_TESTS(tests);
}
