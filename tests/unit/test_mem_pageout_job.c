/* tests/unit/test_mem_pageout_job.c - mem/pageout_job.c. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/loop.h"
#include "mem/backing.h"
#include "mem/map.h"
#include "mem/pageout_job.h"
#include "tests/unit/test.h"

#define MIB ((uint64_t)1 << 20)
#define SIZE (8 * MIB) /* more than a step */

struct rig {
	struct loop *loop;
	struct mem_map map;
	struct backing backing;
	struct pageout_job *job;
	unsigned dones;
	struct pageout_result result; /* of the last one */
};

static struct err err;

static void done(void *ctx, const struct pageout_result *result)
{
	struct rig *rig = ctx;

	rig->dones++;
	rig->result = *result;
	rig->job = pageout_job_free(rig->job);
	loop_stop(rig->loop);
}

/* Memory of a shared file needs no swap space. */
static int setup(void **state)
{
	static struct rig rig;
	const int fd = memfd_create("memory", MFD_CLOEXEC);
	struct mem_region region = { .gpa = { 0x80000000, SIZE },
				     .name = "guest memory" };

	memset(&rig, 0, sizeof(rig));
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	rig.backing = (struct backing){
		.policy = { .source = MEM_FILE, .share = true },
		.size = SIZE,
		.page = (uint64_t)sysconf(_SC_PAGESIZE),
	};
	rig.backing.host = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
				fd, 0);
	assert_ptr_not_equal(rig.backing.host, MAP_FAILED);
	(void)close(fd);
	memset(rig.backing.host, 1, SIZE);
	region.backing = &rig.backing;
	region.host = rig.backing.host;
	assert_int_equal(mem_add(&rig.map, region, &err), 0);
	mem_freeze(&rig.map);
	assert_int_equal(loop_new(&rig.loop, &err), 0);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	rig->job = pageout_job_free(rig->job);
	rig->loop = loop_free(rig->loop);
	(void)munmap(rig->backing.host, SIZE);
	return 0;
}

static int make(struct rig *rig, const char *region, uint64_t watch_ns)
{
	const struct pageout_request want = {
		.region = region, .watch_ns = watch_ns, .done = done, .ctx = rig
	};

	return pageout_job_new(&rig->job, rig->loop, &rig->map, &want, &err);
}

static void job__looks_at_all_of_the_region_and_ends_once(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(make(rig, "0x80000000", 0), 0);
	assert_int_equal(rig->dones, 0);
	assert_int_equal(loop_run(rig->loop, &err), 0);
	assert_int_equal(rig->dones, 1);
	assert_int_equal(rig->result.err.code, 0);
	assert_int_equal(rig->result.looked_at, SIZE);
	assert_true(rig->result.paged_out <= SIZE);
}

static void job__of_no_region_is_refused(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(make(rig, "0x70000000", 0), -ENOENT);
	assert_int_equal(make(rig, "guest", 0), -ENOENT);
	assert_null(rig->job);
	assert_int_equal(make(rig, "guest memory", 0), 0);
}

static void job__of_locked_memory_is_refused_with_the_reason(void **state)
{
	struct rig *rig = *state;

	rig->backing.policy.lock = true;
	assert_int_equal(make(rig, NULL, 0), -ENOTSUP);
	assert_non_null(strstr(err.msg, "guest memory at 0x80000000"));
	assert_non_null(strstr(err.msg, "lock=on"));
}

static void job__that_gives_way_says_so(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(make(rig, NULL, 0), 0);
	pageout_job_give_way(rig->job);
	assert_int_equal(rig->dones, 1);
	assert_int_equal(rig->result.err.code, -ECANCELED);
	assert_int_equal(rig->result.looked_at, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(job__looks_at_all_of_the_region_and_ends_once),
		TEST(job__of_no_region_is_refused),
		TEST(job__of_locked_memory_is_refused_with_the_reason),
		TEST(job__that_gives_way_says_so),
	};

	return RUN_TESTS(tests);
}
