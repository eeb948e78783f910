/* tests/unit/test_mem_populate.c - mem/populate.c and vmm/machine/prealloc.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "mem/backing.h"
#include "mem/host.h"
#include "mem/populate.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"
#include "vmm/machine/prealloc.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

static struct err err;
static struct mem_map map;
static struct backing backing[4];
static size_t backings;
static struct temp_folder folder;
static char path[TEMP_PATH_SIZE];

static int setup(void **state)
{
	(void)state;
	err = (struct err){ 0 };
	map = (struct mem_map){ 0 };
	backings = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	while (backings > 0)
		backing_finish(&backing[--backings]);
	return 0;
}

static void add(gpa_t start, uint64_t size, struct mem_policy policy)
{
	struct backing *b = &backing[backings];
	const struct range at = { start, size };

	assert_int_equal(backing_init(b, at, 2 * MIB, &policy, &err), 0);
	backings++;
	assert_int_equal(mem_add(&map,
				 (struct mem_region){ .gpa = at,
						      .kind = MEM_RAM,
						      .host = b->host,
						      .backing = b,
						      .name = "guest memory" },
				 &err),
			 0);
}

static uint64_t resident(const struct backing *b)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	const uint64_t pages = b->size / page;
	unsigned char *there = malloc((size_t)pages);
	uint64_t n = 0;

	assert_non_null(there);
	assert_int_equal(mincore(b->host, (size_t)b->size, there), 0);
	for (uint64_t i = 0; i < pages; i++)
		n += there[i] & 1;
	free(there);
	return n * page;
}

static void populate__nothing_asked_for_is_nothing_done(void **state)
{
	struct populate *p;

	(void)state;
	add(0, 4 * MIB, (struct mem_policy){ 0 });
	mem_freeze(&map);
	assert_int_equal(populate_start(&p, &map, &err), 0);
	assert_null(p);
	assert_int_equal(populate_finish(p, &err), 0);
	assert_int_equal(resident(&backing[0]), 0);
}

static void populate__every_page_is_there_before_the_end(void **state)
{
	const struct mem_policy whole = { .prealloc = true,
					  .huge = MEM_HUGE_OFF };
	const struct mem_policy shared = { .prealloc = true,
					   .source = MEM_MEMFD,
					   .share = true };
	struct pollfd fd = { .events = POLLIN };
	struct populate *p;

	(void)state;
	add(0, 130 * MIB, whole); /* two chunks and a part */
	add(GIB, 4 * MIB, (struct mem_policy){ 0 });
	add(2 * GIB, 64 * MIB, shared);
	mem_freeze(&map);
	assert_int_equal(populate_start(&p, &map, &err), 0);
	assert_int_equal(populate_total(p), 194 * MIB);
	fd.fd = populate_fd(p);
	assert_int_equal(poll(&fd, 1, 60000), 1);
	assert_int_equal(populate_done(p), 194 * MIB);
	assert_int_equal(populate_finish(p, &err), 0);
	assert_int_equal(resident(&backing[0]), 130 * MIB);
	assert_int_equal(resident(&backing[1]), 0);
	assert_int_equal(resident(&backing[2]), 64 * MIB);
}

static void populate__shortage_is_told_before_anything_is_taken(void **state)
{
	struct populate *p;

	(void)state;
	if (SMALL_ADDRESS_SPACE)
		SKIP("no room for so large a mapping");
	add(0, 1ull << 46, (struct mem_policy){ .prealloc = true });
	mem_freeze(&map);
	assert_int_equal(populate_start(&p, &map, &err), -ENOMEM);
	assert_null(p);
	assert_int_equal(strncmp(err.msg,
				 "prealloc=on: 67108864 MiB are asked for, the "
				 "host has ",
				 54),
			 0);
}

/* A new file at @path, open. Its name goes with end_file(). */
static int begin_file(const char *where)
{
	int fd;

	assert_int_equal(temp_folder_make(&folder, where), 0);
	temp_folder_path(&folder, "ram", path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	return fd;
}

static void end_file(void)
{
	assert_int_equal(temp_folder_remove(&folder), 0);
}

/* What populating a file of twice what the host has comes to. */
static int populate_large_file(const char *where, bool share)
{
	const struct mem_policy file = { .source = MEM_FILE,
					 .path = path,
					 .share = share,
					 .prealloc = true };
	struct populate *p = NULL;
	uint64_t size = 0;
	int fd, r;

	assert_true(host_available(HOST_PROCFS, &size));
	size = (size / MIB + 1) * 2 * MIB;
	fd = begin_file(where);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(close(fd), 0);
	add(2 * GIB, size, file);
	end_file();
	mem_freeze(&map);
	r = populate_start(&p, &map, &err);
	if (p)
		populate_stop(p);
	(void)populate_finish(p, &(struct err){ 0 });
	return r;
}

static void populate__a_private_file_takes_memory_for_all_of_it(void **state)
{
	(void)state;
	if (SMALL_ADDRESS_SPACE)
		SKIP("no room for so large a mapping");
	assert_int_equal(populate_large_file("/tmp", false), -ENOMEM);
}

static void populate__a_file_on_a_tmpfs_takes_memory(void **state)
{
	struct statfs fs;

	(void)state;
	if (SMALL_ADDRESS_SPACE)
		SKIP("no room for so large a mapping");
	if (statfs("/dev/shm", &fs) < 0 || fs.f_type != TMPFS_MAGIC)
		SKIP("no tmpfs on /dev/shm");
	assert_int_equal(populate_large_file("/dev/shm", true), -ENOMEM);
}

static void populate__what_a_tmpfs_has_already_is_not_asked_for(void **state)
{
	const struct mem_policy file = { .source = MEM_FILE,
					 .path = path,
					 .share = true,
					 .prealloc = true };
	struct populate *p = NULL;
	int fd;

	(void)state;
	if (access("/dev/shm", W_OK) < 0)
		SKIP("no /dev/shm");
	fd = begin_file("/dev/shm");
	assert_int_equal(fallocate(fd, 0, 0, 4 * MIB), 0);
	add(2 * GIB, 4 * MIB, file);
	end_file();
	mem_freeze(&map);
	assert_int_equal(populate_start(&p, &map, &err), 0);
	assert_int_equal(populate_finish(p, &err), 0);
	assert_int_equal(resident(&backing[0]), 4 * MIB);
	assert_int_equal(close(fd), 0);
}

static void populate__a_page_that_is_not_to_be_had_is_named(void **state)
{
	const int fd = begin_file("/tmp");
	const struct mem_policy file = { .source = MEM_FILE,
					 .path = path,
					 .share = true,
					 .prealloc = true };
	struct populate *p;

	(void)state;
	assert_int_equal(ftruncate(fd, 128 * MIB), 0);
	add(2 * GIB, 128 * MIB, file);
	mem_freeze(&map);
	/* The second chunk is beyond the file's new end. */
	assert_int_equal(ftruncate(fd, 64 * MIB), 0);
	assert_int_equal(populate_start(&p, &map, &err), 0);
	assert_int_equal(populate_finish(p, &err), -EFAULT);
	assert_string_equal(err.msg,
			    "prealloc=on: 128M of guest memory at 0x80000000, "
			    "offset 0x4000000: its file has no room for it, or "
			    "cannot be read");
	assert_int_equal(close(fd), 0);
	end_file();
}

static int signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	assert_int_equal(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void prealloc__a_signal_ends_it(void **state)
{
	const int fd = signals();
	uint64_t available = 0;

	(void)state;
	if (!host_available(HOST_PROCFS, &available) || available < 4 * GIB)
		SKIP("less than 4 GiB to fill");
	add(0, 3 * GIB, (struct mem_policy){ .prealloc = true });
	mem_freeze(&map);
	assert_int_equal(raise(SIGINT), 0);
	assert_int_equal(prealloc(&map, fd, -1, &err), SIGINT);
	assert_true(resident(&backing[0]) < 3 * GIB);
	assert_int_equal(close(fd), 0);
}

static void prealloc__without_a_signal_it_is_complete(void **state)
{
	const int fd = signals();

	(void)state;
	add(0, 8 * MIB, (struct mem_policy){ .prealloc = true });
	mem_freeze(&map);
	assert_int_equal(prealloc(&map, fd, -1, &err), 0);
	assert_int_equal(resident(&backing[0]), 8 * MIB);
	assert_int_equal(close(fd), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(populate__nothing_asked_for_is_nothing_done),
		TEST(populate__every_page_is_there_before_the_end),
		TEST(populate__shortage_is_told_before_anything_is_taken),
		TEST(populate__a_private_file_takes_memory_for_all_of_it),
		TEST(populate__a_file_on_a_tmpfs_takes_memory),
		TEST(populate__what_a_tmpfs_has_already_is_not_asked_for),
		TEST(populate__a_page_that_is_not_to_be_had_is_named),
		TEST(prealloc__a_signal_ends_it),
		TEST(prealloc__without_a_signal_it_is_complete),
	};

	return RUN_TESTS(tests);
}
