/* tests/unit/test_snapshot_chain.c - vmm/snapshot/chain.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/state.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"
#include "vmm/snapshot/chain.h"
#include "vmm/snapshot/directory.h"

#define PAGES 3

static const struct image_region region = { { 0x80000000, PAGES *IMAGE_PAGE },
					    MEM_RAM,
					    "guest memory" };

struct rig {
	struct temp_folder folder;
	struct err err;
};

static int rig_begin(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	assert_int_equal(temp_folder_make(&rig->folder, "/tmp"), 0);
	*state = rig;
	return 0;
}

static int rig_end(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(temp_folder_remove(&rig->folder), 0);
	free(rig);
	return 0;
}

static void write_state(struct rig *rig, int dir)
{
	struct state state = { 0 };

	state_begin(&state, "arm64");
	assert_int_equal(state_end(&state, &rig->err), 0);
	assert_int_equal(snapshot_file_write(dir, SNAPSHOT_STATE, state.data,
					     state.size, &rig->err),
			 0);
	state_finish(&state);
}

static void write_memory(struct rig *rig, int dir, enum image_kind kind,
			 unsigned page, uint8_t byte)
{
	struct image_writer *writer = NULL;
	uint8_t bytes[IMAGE_PAGE];

	memset(bytes, byte, sizeof(bytes));
	assert_int_equal(
		image_writer_new(&writer, dir, kind, &region, 1, &rig->err), 0);
	assert_int_equal(image_writer_put(writer, 0, page * IMAGE_PAGE, bytes,
					  IMAGE_PAGE, &rig->err),
			 0);
	assert_int_equal(image_writer_end(writer, &rig->err), 0);
	assert_null(image_writer_free(writer));
}

static char arm64[] = "arm64", name[] = "web", version[] = "0.1.0";
static char *words[] = { NULL };

/* A snapshot numbered @id, on top of @parent's, or full if that is 0. */
static void make(struct rig *rig, const char *at, unsigned id, unsigned parent,
		 const char *parent_at, uint8_t byte)
{
	struct snapshot_about about = { .architecture = arm64,
					.name = name,
					.vmm = version,
					.page = 4096,
					.word = words };
	struct snapshot_dir dir = SNAPSHOT_DIR_NONE;
	char path[TEMP_PATH_SIZE], below[TEMP_PATH_SIZE];

	temp_folder_path(&rig->folder, at, path);
	(void)snprintf(about.id, sizeof(about.id),
		       "00000000-0000-4000-8000-%012u", id);
	if (parent > 0) {
		(void)snprintf(about.parent_id, sizeof(about.parent_id),
			       "00000000-0000-4000-8000-%012u", parent);
		temp_folder_path(&rig->folder, parent_at, below);
		about.parent = below;
	}
	assert_int_equal(snapshot_dir_begin(&dir, path, &rig->err), 0);
	write_memory(rig, dir.fd, parent > 0 ? IMAGE_DIFF : IMAGE_FULL,
		     id % PAGES, byte);
	write_state(rig, dir.fd);
	assert_int_equal(snapshot_about_write(&about, dir.fd, &rig->err), 0);
	assert_int_equal(snapshot_dir_commit(&dir, &rig->err), 0);
	snapshot_dir_finish(&dir);
}

static int open_chain(struct rig *rig, struct snapshot_chain *chain,
		      const char *at)
{
	char path[TEMP_PATH_SIZE];

	*chain = (struct snapshot_chain){ 0 };
	temp_folder_path(&rig->folder, at, path);
	return snapshot_chain_open(chain, path, "arm64", &rig->err);
}

/* Three snapshots: page 1 is of ones, page 2 of twos, page 0 of threes. */
static void make_three(struct rig *rig)
{
	make(rig, "a", 1, 0, NULL, 1);
	make(rig, "b", 2, 1, "a", 2);
	make(rig, "c", 3, 2, "b", 3);
}

static void check_memory(const struct image_chain *chain)
{
	uint8_t *got = calloc(PAGES, IMAGE_PAGE);
	struct err err = { 0 };

	assert_int_equal(image_chain_load(chain, 0, got, -1, &err), 0);
	assert_int_equal(got[0], 3);
	assert_int_equal(got[IMAGE_PAGE], 1);
	assert_int_equal(got[2 * IMAGE_PAGE], 2);
	free(got);
}

static void open__finds_the_parents(void **state)
{
	struct snapshot_chain chain;

	make_three(*state);
	assert_int_equal(open_chain(*state, &chain, "c"), 0);
	assert_int_equal(chain.memory.count, 3);
	check_memory(&chain.memory);
	assert_int_equal(snapshot_chain_verify(&chain, &(struct err){ 0 }), 0);
	snapshot_chain_finish(&chain);
}

static void move(struct rig *rig, const char *from, const char *to)
{
	char a[TEMP_PATH_SIZE], b[TEMP_PATH_SIZE];

	temp_folder_path(&rig->folder, from, a);
	temp_folder_path(&rig->folder, to, b);
	assert_int_equal(rename(a, b), 0);
}

static void open__finds_parents_that_moved_along(void **state)
{
	struct snapshot_chain chain;
	struct rig *rig = *state;

	make_three(rig);
	temp_folder_put(&rig->folder, "new/x", "");
	move(rig, "a", "new/a");
	move(rig, "b", "new/b");
	move(rig, "c", "new/c");
	assert_int_equal(open_chain(rig, &chain, "new/c"), 0);
	check_memory(&chain.memory);
	snapshot_chain_finish(&chain);
}

static void open__takes_no_other_snapshot_for_the_parent(void **state)
{
	struct snapshot_chain chain;
	struct rig *rig = *state;

	make_three(rig);
	make(rig, "a", 4, 0, NULL, 9);
	assert_int_equal(open_chain(rig, &chain, "c"), -ENOENT);
	assert_true(rig->err.input);
	assert_non_null(strstr(rig->err.msg, "parent"));
}

static void open__a_damaged_parent_says_what_is_wrong(void **state)
{
	struct rig *rig = *state;
	struct snapshot_chain chain;
	char at[TEMP_PATH_SIZE];

	make(rig, "monday", 1, 0, NULL, 1);
	make(rig, "tuesday", 2, 1, "monday", 2);
	temp_folder_path(&rig->folder, "monday/vm.json", at);
	assert_int_equal(truncate(at, 10), 0);
	temp_folder_path(&rig->folder, "tuesday", at);
	assert_int_equal(snapshot_chain_open(&chain, at, "arm64", &rig->err),
			 -EBADMSG);
	assert_non_null(strstr(rig->err.msg, "monday"));
}

static void open__a_snapshot_that_is_its_own_parent_ends(void **state)
{
	struct snapshot_chain chain;

	make(*state, "a", 1, 1, "a", 1);
	assert_int_equal(open_chain(*state, &chain, "a"), -ELOOP);
}

static void open_top__needs_no_parent(void **state)
{
	struct rig *rig = *state;
	struct snapshot_chain chain = { 0 };
	struct image_count count;
	char path[TEMP_PATH_SIZE];

	make_three(rig);
	move(rig, "b", "elsewhere");
	assert_int_equal(open_chain(rig, &chain, "c"), -ENOENT);
	temp_folder_path(&rig->folder, "c", path);
	assert_int_equal(
		snapshot_chain_open_top(&chain, path, "arm64", &rig->err), 0);
	assert_int_equal(chain.memory.count, 1);
	assert_non_null(chain.about.parent);
	assert_int_equal(image_count(chain.memory.image[0], &count, &rig->err),
			 0);
	assert_int_equal(count.state[IMAGE_DATA], 1);
	snapshot_chain_finish(&chain);
}

/* A process may have few files open; a chain needs many. */
static void open__a_long_chain_raises_the_limit_of_open_files(void **state)
{
	struct rig *rig = *state;
	struct snapshot_chain chain;
	char at[16] = "", below[16];
	struct rlimit was;

	for (unsigned i = 1; i <= 40; i++) {
		memcpy(below, at, sizeof(at));
		(void)snprintf(at, sizeof(at), "s%u", i);
		make(rig, at, i, i - 1, below, 1);
	}
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(
		setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 40, was.rlim_max }),
		0);
	assert_int_equal(open_chain(rig, &chain, at), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(chain.memory.count, 40);
	snapshot_chain_finish(&chain);
}

static void merge__is_the_chain_in_one_folder(void **state)
{
	struct snapshot_chain chain, merged;
	struct rig *rig = *state;
	char out[TEMP_PATH_SIZE];

	make_three(rig);
	temp_folder_path(&rig->folder, "out", out);
	assert_int_equal(open_chain(rig, &chain, "c"), 0);
	assert_int_equal(snapshot_chain_merge(&chain, out, 0, &rig->err), 0);
	assert_int_equal(open_chain(rig, &merged, "out"), 0);
	assert_int_equal(merged.memory.count, 1);
	assert_null(merged.about.parent);
	assert_string_equal(merged.about.id, chain.about.id);
	check_memory(&merged.memory);
	assert_int_equal(snapshot_chain_verify(&merged, &rig->err), 0);
	snapshot_chain_finish(&merged);
	snapshot_chain_finish(&chain);
}

static void merge__a_damaged_page_leaves_nothing(void **state)
{
	struct snapshot_chain chain;
	struct rig *rig = *state;
	char path[TEMP_PATH_SIZE], out[TEMP_PATH_SIZE];
	int fd;

	make_three(rig);
	temp_folder_path(&rig->folder, "b/memory-0", path);
	temp_folder_path(&rig->folder, "out", out);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "x", 1, 2 * IMAGE_PAGE), 1);
	(void)close(fd);
	assert_int_equal(open_chain(rig, &chain, "c"), 0);
	assert_int_equal(snapshot_chain_verify(&chain, &rig->err), -EBADMSG);
	assert_int_equal(snapshot_chain_merge(&chain, out, 0, &rig->err),
			 -EBADMSG);
	assert_int_equal(access(out, F_OK), -1);
	snapshot_chain_finish(&chain);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, rig_begin, rig_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(open__finds_the_parents),
		TEST(open__finds_parents_that_moved_along),
		TEST(open__takes_no_other_snapshot_for_the_parent),
		TEST(open__a_damaged_parent_says_what_is_wrong),
		TEST(open__a_snapshot_that_is_its_own_parent_ends),
		TEST(open_top__needs_no_parent),
		TEST(open__a_long_chain_raises_the_limit_of_open_files),
		TEST(merge__is_the_chain_in_one_folder),
		TEST(merge__a_damaged_page_leaves_nothing),
	};

	return RUN_TESTS(tests);
}
