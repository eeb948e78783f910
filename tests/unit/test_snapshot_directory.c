/* tests/unit/test_snapshot_directory.c - vmm/snapshot/directory.c, about.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"
#include "vmm/snapshot/about.h"
#include "vmm/snapshot/directory.h"

#define ID "01234567-89ab-4def-8123-456789abcdef"

struct rig {
	struct temp_folder folder;
	char place[TEMP_PATH_SIZE]; /* where the snapshot is to be */
	char partial[TEMP_PATH_SIZE];
	struct err err;
};

static int rig_begin(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	assert_int_equal(temp_folder_make(&rig->folder, "/tmp"), 0);
	temp_folder_path(&rig->folder, "snap", rig->place);
	temp_folder_path(&rig->folder, "snap.partial", rig->partial);
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

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* Writes a snapshot whose state is @text, up to the point before its commit. */
static void begin_snapshot(struct rig *rig, struct snapshot_dir *dir,
			   const char *text)
{
	assert_int_equal(snapshot_dir_begin(dir, rig->place, &rig->err), 0);
	assert_int_equal(snapshot_file_write(dir->fd, SNAPSHOT_ABOUT, "{}", 2,
					     &rig->err),
			 0);
	assert_int_equal(snapshot_file_write(dir->fd, SNAPSHOT_STATE, text,
					     strlen(text), &rig->err),
			 0);
}

static void make_snapshot(struct rig *rig, const char *text)
{
	struct snapshot_dir dir = SNAPSHOT_DIR_NONE;

	begin_snapshot(rig, &dir, text);
	assert_int_equal(snapshot_dir_commit(&dir, &rig->err), 0);
	snapshot_dir_finish(&dir);
}

static void expect_state(struct rig *rig, const char *text)
{
	const int fd = snapshot_dir_open(rig->place, &rig->err);
	uint8_t *got = NULL;
	size_t size = 0;

	assert_true(fd >= 0);
	assert_int_equal(
		file_read_in(fd, SNAPSHOT_STATE, 100, &got, &size, &rig->err),
		0);
	assert_string_equal((const char *)got, text);
	free(got);
	(void)close(fd);
}

static void commit__puts_a_private_folder_in_its_place(void **state)
{
	struct rig *rig = *state;
	struct stat st;

	make_snapshot(rig, "one");
	expect_state(rig, "one");
	assert_false(is_there(rig->partial));
	assert_int_equal(stat(rig->place, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void commit__replaces_an_older_snapshot(void **state)
{
	struct rig *rig = *state;

	make_snapshot(rig, "one");
	make_snapshot(rig, "two");
	expect_state(rig, "two");
	assert_false(is_there(rig->partial));
}

static void finish__leaves_nothing_but_the_older_snapshot(void **state)
{
	struct rig *rig = *state;
	struct snapshot_dir dir = SNAPSHOT_DIR_NONE;

	make_snapshot(rig, "one");
	begin_snapshot(rig, &dir, "two");
	snapshot_dir_finish(&dir);
	expect_state(rig, "one");
	assert_false(is_there(rig->partial));
}

static void begin__clears_what_a_killed_process_left(void **state)
{
	struct rig *rig = *state;

	temp_folder_put(&rig->folder, "snap.partial/memory-0", "old");
	temp_folder_put(&rig->folder, "snap.partial/state", "old");
	make_snapshot(rig, "new");
	expect_state(rig, "new");
	assert_false(is_there(rig->partial));
}

static void begin__an_empty_folder_is_taken(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(mkdir(rig->place, 0755), 0);
	make_snapshot(rig, "one");
	expect_state(rig, "one");
}

static void begin__a_folder_with_other_files_is_refused(void **state)
{
	struct rig *rig = *state;
	struct snapshot_dir dir = SNAPSHOT_DIR_NONE;

	temp_folder_put(&rig->folder, "snap/photo.jpg", "precious");
	assert_int_equal(snapshot_dir_begin(&dir, rig->place, &rig->err),
			 -EEXIST);
	assert_true(rig->err.input);
	assert_false(is_there(rig->partial));
}

/* They would be removed with the snapshot. */
static void begin__files_of_the_users_are_kept(void **state)
{
	struct rig *rig = *state;
	struct snapshot_dir dir = SNAPSHOT_DIR_NONE;
	char path[TEMP_PATH_SIZE];

	make_snapshot(rig, "one");
	temp_folder_put(&rig->folder, "snap.partial/photo.jpg", "precious");
	assert_int_equal(snapshot_dir_begin(&dir, rig->place, &rig->err),
			 -EEXIST);
	temp_folder_path(&rig->folder, "snap.partial/photo.jpg", path);
	assert_true(is_there(path));
	assert_int_equal(unlink(path), 0);
	temp_folder_put(&rig->folder, "snap/memory-", "precious");
	assert_int_equal(snapshot_dir_begin(&dir, rig->place, &rig->err),
			 -EEXIST);
	assert_true(rig->err.input);
	expect_state(rig, "one");
}

/* Beside "snap", "snap.partial" is what a killed process left. */
static void begin__a_name_that_means_partial_is_refused(void **state)
{
	struct rig *rig = *state;
	struct snapshot_dir dir = SNAPSHOT_DIR_NONE;

	assert_int_equal(snapshot_dir_begin(&dir, rig->partial, &rig->err),
			 -EINVAL);
	assert_true(rig->err.input);
}

static void begin__what_was_left_is_private_again(void **state)
{
	struct rig *rig = *state;
	struct stat st;

	assert_int_equal(mkdir(rig->partial, 0777), 0);
	assert_int_equal(chmod(rig->partial, 0777), 0);
	make_snapshot(rig, "one");
	assert_int_equal(stat(rig->place, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void begin__a_folder_of_another_user_is_not_taken_over(void **state)
{
	struct rig *rig = *state;
	struct snapshot_dir dir = SNAPSHOT_DIR_NONE;

	if (geteuid() != 0)
		SKIP("needs root, to give a folder to another user");
	assert_int_equal(mkdir(rig->partial, 0777), 0);
	assert_int_equal(chown(rig->partial, 1, 1), 0);
	assert_int_equal(snapshot_dir_begin(&dir, rig->place, &rig->err),
			 -EPERM);
	assert_true(rig->err.input);
}

static void begin__a_file_in_the_place_is_refused(void **state)
{
	struct rig *rig = *state;
	struct snapshot_dir dir = SNAPSHOT_DIR_NONE;

	temp_folder_put(&rig->folder, "snap", "precious");
	assert_int_equal(snapshot_dir_begin(&dir, rig->place, &rig->err),
			 -EEXIST);
}

static void begin__two_at_once_in_one_place_are_refused(void **state)
{
	struct rig *rig = *state;
	struct snapshot_dir a = SNAPSHOT_DIR_NONE, b = SNAPSHOT_DIR_NONE;

	begin_snapshot(rig, &a, "one");
	assert_int_equal(snapshot_dir_begin(&b, rig->place, &rig->err), -EBUSY);
	assert_int_equal(snapshot_dir_commit(&a, &rig->err), 0);
	snapshot_dir_finish(&a);
	expect_state(rig, "one");
}

static void begin__no_folder_to_put_it_in_is_the_users_fault(void **state)
{
	struct rig *rig = *state;
	struct snapshot_dir dir = SNAPSHOT_DIR_NONE;
	char path[TEMP_PATH_SIZE];

	temp_folder_path(&rig->folder, "nowhere/snap", path);
	assert_int_equal(snapshot_dir_begin(&dir, path, &rig->err), -ENOENT);
	assert_true(rig->err.input);
	assert_int_equal(snapshot_dir_begin(&dir, "..", &rig->err), -EINVAL);
}

static void begin__slashes_at_the_end_do_no_harm(void **state)
{
	struct rig *rig = *state;
	struct snapshot_dir dir = SNAPSHOT_DIR_NONE;
	char path[TEMP_PATH_SIZE + 2];

	(void)snprintf(path, sizeof(path), "%s//", rig->place);
	assert_int_equal(snapshot_dir_begin(&dir, path, &rig->err), 0);
	assert_int_equal(
		snapshot_file_write(dir.fd, SNAPSHOT_ABOUT, "{}", 2, &rig->err),
		0);
	assert_int_equal(snapshot_dir_commit(&dir, &rig->err), 0);
	snapshot_dir_finish(&dir);
	assert_true(is_there(rig->place));
}

static void open__a_folder_that_is_no_snapshot_is_told(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(snapshot_dir_open(rig->folder.path, &rig->err),
			 -ENODATA);
	assert_true(rig->err.input);
}

static void read__follows_no_link_and_takes_no_fifo(void **state)
{
	struct rig *rig = *state;
	uint8_t *got = NULL;
	size_t size = 0;
	int fd;

	make_snapshot(rig, "one");
	fd = snapshot_dir_open(rig->place, &rig->err);
	assert_int_equal(symlinkat(SNAPSHOT_STATE, fd, "link"), 0);
	assert_int_equal(mkfifoat(fd, "fifo", 0600), 0);
	assert_int_equal(file_read_in(fd, "link", 100, &got, &size, &rig->err),
			 -EBADMSG);
	assert_int_equal(file_read_in(fd, "fifo", 100, &got, &size, &rig->err),
			 -EBADMSG);
	assert_int_equal(
		file_read_in(fd, SNAPSHOT_STATE, 2, &got, &size, &rig->err),
		-EFBIG);
	(void)close(fd);
}

static char option[] = "--mem", value[] = "256M";
static char arm64[] = "arm64", web[] = "web", version[] = "0.1.0";
static char *words[] = { option, value, NULL };

static struct snapshot_about an_about(void)
{
	return (struct snapshot_about){
		.id = ID,
		.architecture = arm64,
		.name = web,
		.vmm = version,
		.made = 1700000000,
		.page = 4096,
		.word = words,
		.words = 2,
	};
}

static void about__is_read_as_it_was_written(void **state)
{
	struct rig *rig = *state;
	struct snapshot_about about = an_about(), got = { 0 };
	const int fd = open(rig->folder.path,
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char parent[] = "../first";

	about.parent = parent;
	memcpy(about.parent_id, ID, sizeof(ID));
	assert_int_equal(snapshot_about_write(&about, fd, &rig->err), 0);
	assert_int_equal(snapshot_about_read(&got, fd, "arm64", &rig->err), 0);
	assert_string_equal(got.id, ID);
	assert_string_equal(got.parent_id, ID);
	assert_string_equal(got.parent, parent);
	assert_string_equal(got.name, "web");
	assert_int_equal(got.made, 1700000000);
	assert_int_equal(got.page, 4096);
	assert_int_equal(got.words, 2);
	assert_string_equal(got.word[1], "256M");
	assert_null(got.word[2]);
	snapshot_about_finish(&got);
	(void)close(fd);
}

static void about__a_guest_of_another_architecture_is_refused(void **state)
{
	struct rig *rig = *state;
	const struct snapshot_about about = an_about();
	struct snapshot_about got = { 0 };
	const int fd = open(rig->folder.path,
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(snapshot_about_write(&about, fd, &rig->err), 0);
	assert_int_equal(snapshot_about_read(&got, fd, "mips", &rig->err),
			 -EXDEV);
	assert_string_equal(rig->err.msg,
			    "a guest of arm64; this host runs guests of mips");
	assert_int_equal(snapshot_about_read(&got, fd, NULL, &rig->err), 0);
	snapshot_about_finish(&got);
	(void)close(fd);
}

static void about__bad_members_are_refused_by_name(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{",
		"{\"architecture\": 1}",
		"{\"architecture\": \"arm64\", \"format\": 2}",
		"{\"architecture\": \"arm64\", \"format\": 1, \"id\": \"x\"}",
		"{\"architecture\": \"arm64\", \"format\": 1, \"id\": \"" ID
		"\", \"name\": \"n\", \"vmm\": \"v\", \"made\": 1, \"page\": "
		"4096}",
		"{\"architecture\": \"arm64\", \"format\": 1, \"id\": \"" ID
		"\", \"name\": \"n\", \"vmm\": \"v\", \"made\": 1, \"page\": "
		"4096, \"command\": [1]}",
		"{\"architecture\": \"arm64\", \"format\": 1, \"id\": \"" ID
		"\", \"parent\": \"..\", \"name\": \"n\"}",
		"{\"architecture\": \"arm64\", \"format\": 1, \"id\": \"" ID
		"\", \"name\": \"\\u001b[2J\", \"vmm\": \"v\", \"made\": 1, "
		"\"page\": 4096, \"command\": []}",
	};
	struct rig *rig = *state;
	const int fd = open(rig->folder.path,
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct snapshot_about got = { 0 };

		temp_folder_put(&rig->folder, SNAPSHOT_ABOUT, bad[i]);
		rig->err = (struct err){ 0 };
		assert_true(snapshot_about_read(&got, fd, "arm64", &rig->err) <
			    0);
		assert_true(rig->err.input);
		snapshot_about_finish(&got);
	}
	(void)close(fd);
}

/* A member that a later format has not is not what is told first. */
static void about__another_format_is_told_as_that(void **state)
{
	struct rig *rig = *state;
	struct snapshot_about got = { 0 };
	const int fd = open(rig->folder.path,
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	temp_folder_put(&rig->folder, SNAPSHOT_ABOUT, "{\"format\": 2}");
	assert_int_equal(snapshot_about_read(&got, fd, "arm64", &rig->err),
			 -ENOTSUP);
	(void)close(fd);
}

static void refuse_to_write(struct rig *rig, const struct snapshot_about *about)
{
	const int fd = open(rig->folder.path,
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[TEMP_PATH_SIZE];

	/* It can be known before there is a folder. */
	assert_true(snapshot_about_check(about, &rig->err) < 0);
	assert_true(rig->err.input);
	assert_true(snapshot_about_write(about, fd, &rig->err) < 0);
	temp_folder_path(&rig->folder, SNAPSHOT_ABOUT, path);
	assert_false(is_there(path));
	(void)close(fd);
}

static void about__what_could_not_be_read_is_not_written(void **state)
{
	static char *many[SNAPSHOT_MAX_WORDS + 2], long_word[4096];
	static char lines[] = "/two\nlines", none[] = "", latin[] = "caf\xe9";
	struct rig *rig = *state;
	struct snapshot_about about = an_about();

	for (size_t i = 0; i <= SNAPSHOT_MAX_WORDS; i++)
		many[i] = value;
	about.word = many;
	about.words = SNAPSHOT_MAX_WORDS + 1;
	refuse_to_write(rig, &about);
	memset(long_word, 'x', sizeof(long_word) - 1);
	for (size_t i = 0; i < SNAPSHOT_MAX_WORDS; i++)
		many[i] = long_word;
	about.words = SNAPSHOT_MAX_WORDS;
	refuse_to_write(rig, &about);
	about = an_about();
	about.name = none;
	refuse_to_write(rig, &about);
	about = an_about();
	about.parent = latin;
	refuse_to_write(rig, &about);
	assert_non_null(strstr(rig->err.msg, "is no UTF-8"));
	about = an_about();
	about.parent = lines;
	memcpy(about.parent_id, ID, sizeof(ID));
	refuse_to_write(rig, &about);
}

static void make_id__gives_another_one_each_time(void **state)
{
	struct rig *rig = *state;
	char a[SNAPSHOT_ID_SIZE], b[SNAPSHOT_ID_SIZE];

	assert_int_equal(snapshot_make_id(a, &rig->err), 0);
	assert_int_equal(snapshot_make_id(b, &rig->err), 0);
	assert_int_equal(strlen(a), SNAPSHOT_ID_SIZE - 1);
	assert_string_not_equal(a, b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_begin, rig_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(commit__puts_a_private_folder_in_its_place),
		TEST(commit__replaces_an_older_snapshot),
		TEST(finish__leaves_nothing_but_the_older_snapshot),
		TEST(begin__clears_what_a_killed_process_left),
		TEST(begin__an_empty_folder_is_taken),
		TEST(begin__a_folder_with_other_files_is_refused),
		TEST(begin__files_of_the_users_are_kept),
		TEST(begin__a_name_that_means_partial_is_refused),
		TEST(begin__what_was_left_is_private_again),
		TEST(begin__a_folder_of_another_user_is_not_taken_over),
		TEST(begin__a_file_in_the_place_is_refused),
		TEST(begin__two_at_once_in_one_place_are_refused),
		TEST(begin__no_folder_to_put_it_in_is_the_users_fault),
		TEST(begin__slashes_at_the_end_do_no_harm),
		TEST(open__a_folder_that_is_no_snapshot_is_told),
		TEST(read__follows_no_link_and_takes_no_fifo),
		TEST(about__is_read_as_it_was_written),
		TEST(about__a_guest_of_another_architecture_is_refused),
		TEST(about__bad_members_are_refused_by_name),
		TEST(about__another_format_is_told_as_that),
		TEST(about__what_could_not_be_read_is_not_written),
		TEST(make_id__gives_another_one_each_time),
	};

	return RUN_TESTS(tests);
}
