/* tests/unit/test_sigbus.c - vmm/kvm/sigbus.c, and iov_touch(). */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mem/backing.h"
#include "mem/iov.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"
#include "vmm/kvm/sigbus.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)
#define SIZE (4 * MIB)

static struct err err;
static struct temp_folder folder;
static char path[TEMP_PATH_SIZE];
static struct mem_map map;
static struct backing backing[2];
static struct sigbus bus;
static unsigned stops;

static void stop(void *ctx)
{
	(void)__atomic_add_fetch((unsigned *)ctx, 1, __ATOMIC_RELAXED);
}

static void add(size_t i, gpa_t start, const struct mem_policy *policy)
{
	const struct range at = { start, SIZE };

	assert_int_equal(backing_init(&backing[i], at, 2 * MIB, policy, &err),
			 0);
	assert_int_equal(mem_add(&map,
				 (struct mem_region){ .gpa = at,
						      .kind = MEM_RAM,
						      .host = backing[i].host,
						      .backing = &backing[i],
						      .name = "guest memory" },
				 &err),
			 0);
}

/* Anonymous memory at 1 GiB, a file's at 2 GiB. */
static int setup(void **state)
{
	const struct mem_policy file = { .source = MEM_FILE,
					 .path = path,
					 .share = true };

	(void)state;
	err = (struct err){ 0 };
	map = (struct mem_map){ 0 };
	stops = 0;
	add(0, GIB, NULL);
	add(1, 2 * GIB, &file);
	mem_freeze(&map);
	bus = (struct sigbus){ 0 };
	return 0;
}

/* Not in setup(): cmocka has handlers of its own for each test. */
static void catch (void)
{
	bus = (struct sigbus){ .map = &map, .stop = stop, .ctx = &stops };
	assert_int_equal(sigbus_catch(&bus, &err), 0);
}

static int teardown(void **state)
{
	(void)state;
	sigbus_release(&bus);
	backing_finish(&backing[0]);
	backing_finish(&backing[1]);
	return unlink(path);
}

static void is_lost(uint64_t offset)
{
	char want[TEMP_PATH_SIZE + 128];

	(void)snprintf(want, sizeof(want),
		       "guest memory at 0x80000000, offset 0x%llx: %s was "
		       "truncated while the guest used it",
		       (unsigned long long)offset, path);
	assert_int_equal(err.code, -EFAULT);
	assert_string_equal(err.msg, want);
}

static volatile uint8_t *at(uint64_t offset)
{
	return backing[1].host + offset;
}

static void catch__nothing_lost_is_no_error(void **state)
{
	(void)state;
	catch ();
	*at(SIZE - 1) = 1;
	assert_int_equal(sigbus_error(&bus, &err), 0);
	assert_int_equal(sigbus_find(&map, &err), 0);
	assert_int_equal(stops, 0);
}

static void catch__a_lost_page_ends_the_run_and_the_access(void **state)
{
	(void)state;
	catch ();
	*at(MIB) = 1;
	assert_int_equal(truncate(path, MIB), 0);
	assert_int_equal(*at(MIB + 4097), 0);
	assert_int_equal(stops, 1);
	*at(MIB + 4097) = 2;
	assert_int_equal(*at(MIB + 4097), 2);
	assert_int_equal(stops, 1);
	assert_int_equal(sigbus_error(&bus, &err), -EFAULT);
	is_lost((MIB + 4097) & ~(backing[1].page - 1));
}

static void catch__the_first_page_is_the_one_told_of(void **state)
{
	(void)state;
	catch ();
	assert_int_equal(truncate(path, 0), 0);
	*at(SIZE - 1) = 1;
	*at(0) = 1;
	assert_int_equal(stops, 2);
	assert_int_equal(sigbus_error(&bus, &err), -EFAULT);
	is_lost(SIZE - backing[1].page);
}

static void catch__errno_stays(void **state)
{
	(void)state;
	catch ();
	assert_int_equal(truncate(path, 0), 0);
	errno = 4711;
	(void)*at(0);
	assert_int_equal(errno, 4711);
}

/* To TSan, the handler's mmap(2) is a write, and these are reads beside it. */
__attribute__((no_sanitize("thread"))) static void *touch(void *arg)
{
	for (uint64_t i = 0; i < SIZE; i += 4096)
		(void)*at(i);
	return arg;
}

static void catch__many_threads_at_once(void **state)
{
	pthread_t thread[4];

	(void)state;
	catch ();
	assert_int_equal(truncate(path, 0), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, touch, NULL),
				 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_int_equal(sigbus_error(&bus, &err), -EFAULT);
}

/* The signal that ends a child which does this. */
static int killed_by(void (*doing)(void))
{
	const pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		doing();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void touch_a_file_of_its_own(void)
{
	char other[TEMP_PATH_SIZE];
	struct mem_policy file = { .source = MEM_FILE,
				   .path = other,
				   .share = true };
	struct backing b;

	temp_folder_path(&folder, "other", other);
	if (backing_init(&b, (struct range){ 0, SIZE }, 2 * MIB, &file, &err) <
		    0 ||
	    truncate(other, 0) < 0)
		_exit(1);
	b.host[0] = 1;
}

static void send_one(void)
{
	(void)kill(getpid(), SIGBUS);
}

static void release_and_touch(void)
{
	if (truncate(path, 0) < 0)
		_exit(1);
	sigbus_release(&bus);
	*at(0) = 1;
}

static void catch__what_is_not_the_guests_still_kills(void **state)
{
	(void)state;
	catch ();
	assert_int_equal(killed_by(touch_a_file_of_its_own), SIGBUS);
	assert_int_equal(killed_by(send_one), SIGBUS);
	assert_int_equal(killed_by(release_and_touch), SIGBUS);
}

static void find__tells_where_a_file_ends_now(void **state)
{
	(void)state;
	assert_int_equal(truncate(path, MIB + 1), 0);
	assert_int_equal(sigbus_find(&map, &err), -EFAULT);
	is_lost(MIB + backing[1].page);
	assert_int_equal(stops, 0);
}

static void find__half_a_page_is_a_page(void **state)
{
	(void)state;
	assert_int_equal(truncate(path, SIZE - 1), 0);
	assert_int_equal(sigbus_find(&map, &err), 0);
}

static void touch__finds_what_a_system_call_did_not_say(void **state)
{
	const int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	const struct iovec iov[] = {
		{ backing[0].host, 4096 },
		{ backing[1].host + 3, SIZE - 3 },
	};

	(void)state;
	catch ();
	assert_true(fd >= 0);
	iov_touch(iov, 2, SIZE_MAX);
	assert_int_equal(stops, 0);
	assert_int_equal(truncate(path, SIZE - 4096), 0);
	if (backing[1].page == 4096)
		assert_int_equal(read(fd, backing[1].host + SIZE - 4096, 4096),
				 -1);
	iov_touch(iov, 2, SIZE_MAX);
	if (backing[1].page == 4096)
		assert_int_equal(stops, 1);
	assert_int_equal(close(fd), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(catch__nothing_lost_is_no_error),
		TEST(catch__a_lost_page_ends_the_run_and_the_access),
		TEST(catch__the_first_page_is_the_one_told_of),
		TEST(catch__errno_stays),
		TEST(catch__many_threads_at_once),
		TEST(catch__what_is_not_the_guests_still_kills),
		TEST(find__tells_where_a_file_ends_now),
		TEST(find__half_a_page_is_a_page),
		TEST(touch__finds_what_a_system_call_did_not_say),
	};
	int failed;

	if (temp_folder_make(&folder, "/tmp") < 0)
		return 1;
	temp_folder_path(&folder, "ram", path);
	failed = RUN_TESTS(tests);
	return temp_folder_remove(&folder) < 0 || failed;
}
