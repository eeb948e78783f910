/* tests/unit/test_mem_backing.c - mem/backing.c. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "mem/backing.h"
#include "tests/unit/test.h"

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

static struct err err;

static uint64_t page(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

static struct backing make(gpa_t start, uint64_t size, uint64_t block)
{
	struct backing b = { 0 };

	assert_int_equal(backing_init(&b, (struct range){ start, size }, block,
				      NULL, &err),
			 0);
	assert_int_equal(b.size, size);
	return b;
}

static uint64_t off(const struct backing *b, gpa_t gpa, uint64_t block)
{
	return ((uintptr_t)b->host - gpa) & (block - 1);
}

static void init__host_is_congruent_to_guest(void **state)
{
	static const struct {
		gpa_t start;
		uint64_t size, block, congruent;
	} want[] = {
		{ 2 * GIB, 256 * MIB, 2 * MIB, 2 * MIB },
		{ 2 * GIB + 64 * KIB, 256 * MIB, 2 * MIB, 2 * MIB },
		{ 2 * GIB + MIB, 3 * GIB, GIB, GIB },
		{ 0, 512 * MIB, 512 * MIB, 512 * MIB },
		{ 32 * MIB + 64 * KIB, 256 * MIB, 32 * MIB, 32 * MIB },
		/* Smaller than a block: as much as can be of use. */
		{ MIB, MIB, 2 * MIB, MIB },
		{ 5 * MIB, 3 * MIB, GIB, 2 * MIB },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct backing b = make(want[i].start, want[i].size,
					want[i].block);

		assert_int_equal(off(&b, want[i].start, want[i].congruent), 0);
		backing_finish(&b);
	}
}

static void init__memory_is_zero_and_writable_to_its_ends(void **state)
{
	struct backing b = make(2 * GIB, 4 * MIB, 2 * MIB);

	(void)state;
	assert_int_equal(b.host[0], 0);
	assert_int_equal(b.host[b.size - 1], 0);
	b.host[0] = 1;
	b.host[b.size - 1] = 1;
	backing_finish(&b);
	assert_null(b.host);
	backing_finish(&b);
}

/* True if the kernel can read the byte at @p for us. */
static bool readable(const uint8_t *p)
{
	bool ok;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	ok = write(fds[1], p, 1) == 1;
	(void)close(fds[0]);
	(void)close(fds[1]);
	return ok;
}

static void init__neighbours_cannot_be_touched(void **state)
{
	static const uint64_t sizes[] = { 64 * KIB, 2 * MIB, 3 * MIB };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct backing b = make(64 * KIB, sizes[i], 2 * MIB);

		assert_true(readable(b.host));
		assert_false(readable(b.host - 1));
		assert_true(readable(b.host + b.size - 1));
		assert_false(readable(b.host + b.size));
		backing_finish(&b);
	}
}

static void init__guard_is_there_wherever_the_region_lands(void **state)
{
	const uint64_t block = 2 * MIB;

	(void)state;
	/* One of these needs all the room there is for alignment. */
	for (uint64_t start = 0; start < block; start += page()) {
		struct backing b = make(start, block, block);
		const uint8_t *end = (uint8_t *)b.reserved + b.reserved_size;

		assert_true(b.host >= (uint8_t *)b.reserved + page());
		assert_true(b.host + b.size + page() <= end);
		backing_finish(&b);
	}
}

static void init__small_region_takes_little_room(void **state)
{
	struct backing b = make(64 * KIB, 64 * KIB, GIB);

	(void)state;
	assert_true(b.reserved_size <= 128 * KIB + page());
	backing_finish(&b);
}

static void init__size_costs_no_memory(void **state)
{
	struct rusage before;
	struct rusage after;
	struct backing b;

	(void)state;
	(void)getrusage(RUSAGE_SELF, &before);
	b = make(2 * GIB, 64 * GIB, GIB);
	(void)getrusage(RUSAGE_SELF, &after);
	assert_true(after.ru_maxrss - before.ru_maxrss < 1024);
	backing_finish(&b);
}

static int init_fails(gpa_t start, uint64_t size)
{
	struct backing b;

	return backing_init(&b, (struct range){ start, size }, 2 * MIB, NULL,
			    &err);
}

static void init__part_of_a_page_is_refused(void **state)
{
	(void)state;
	assert_int_equal(init_fails(0, page() + 1), -EINVAL);
	assert_int_equal(init_fails(1, page()), -EINVAL);
	assert_int_equal(init_fails(0, 0), -EINVAL);
	assert_int_equal(init_fails(0 - page(), 2 * page()), -EINVAL);
}

static void init__what_no_host_has_names_the_size(void **state)
{
	(void)state;
	assert_int_equal(init_fails(0, 1ull << 63), -ENOMEM);
	assert_string_equal(err.msg, "8796093022208 MiB of guest memory: "
				     "Cannot allocate memory");
	assert_int_equal(init_fails(0, 0 - page()), -ENOMEM);
	assert_int_equal(init_fails(0, 1ull << 60), -ENOMEM);
}

static int file_fails(int fd, gpa_t start, uint64_t size)
{
	struct backing b;

	return backing_init_file(&b, (struct range){ start, size }, 2 * MIB, fd,
				 "a file", &err);
}

static void init_file__shows_what_is_written_and_takes_nothing(void **state)
{
	const int fd = memfd_create("test", MFD_CLOEXEC);
	const struct range gpa = { 2 * MIB + 64 * KIB, 64 * KIB };
	struct backing b;

	(void)state;
	assert_int_equal(ftruncate(fd, 64 * KIB), 0);
	assert_int_equal(backing_init_file(&b, gpa, 2 * MIB, fd, "a", &err), 0);
	assert_int_equal(off(&b, gpa.start, 64 * KIB), 0);
	assert_int_equal(b.host[64 * KIB - 1], 0);
	assert_int_equal(pwrite(fd, "x", 1, 64 * KIB - 1), 1);
	assert_int_equal(b.host[64 * KIB - 1], 'x');
	/* Not even by mistake. */
	assert_int_equal(read(fd, b.host, 1), -1);
	assert_int_equal(errno, EFAULT);
	(void)close(fd);
	assert_int_equal(b.host[64 * KIB - 1], 'x');
	backing_finish(&b);
}

static void init_file__what_cannot_be_mapped_is_refused(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(file_fails(fds[0], 0, page()), -ENODEV);
	assert_string_equal(err.msg, "a file: mmap: No such device");
	assert_int_equal(file_fails(-1, 0, page()), -EBADF);
	assert_int_equal(file_fails(fds[0], 0, page() + 1), -EINVAL);
	assert_int_equal(file_fails(fds[0], 1, page()), -EINVAL);
	assert_int_equal(file_fails(fds[0], 0, 0), -EINVAL);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init__host_is_congruent_to_guest),
		cmocka_unit_test(init__memory_is_zero_and_writable_to_its_ends),
		cmocka_unit_test(init__neighbours_cannot_be_touched),
		cmocka_unit_test(
			init__guard_is_there_wherever_the_region_lands),
		cmocka_unit_test(init__small_region_takes_little_room),
		cmocka_unit_test(init__size_costs_no_memory),
		cmocka_unit_test(init__part_of_a_page_is_refused),
		cmocka_unit_test(init__what_no_host_has_names_the_size),
		cmocka_unit_test(
			init_file__shows_what_is_written_and_takes_nothing),
		cmocka_unit_test(init_file__what_cannot_be_mapped_is_refused),
	};

	return RUN_TESTS(tests);
}
