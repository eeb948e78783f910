/* tests/unit/test_restore_disks.c - vmm/restore_words.c and restore_disks.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/unit/test.h"
#include "vmm/config.h"
#include "vmm/restore_words.h"
#include "vmm/snapshot/disks.h"

#define DISK "test_restore_disks.img"
#define LINK "test_restore_disks.link"

static struct config config;
static struct restore_words words;
static struct err err;

static int make_files(void **state)
{
	_cleanup_(fd_closep) int fd = open(
		DISK, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	(void)state;
	err = (struct err){ 0 };
	return fd < 0 || symlink(DISK, LINK) < 0 ? -1 : 0;
}

static int remove_files(void **state)
{
	(void)state;
	restore_words_finish(&words);
	config_finish(&config);
	(void)unlink(DISK);
	(void)unlink(LINK);
	return 0;
}

/* `vmm restore DIR --disk @value` for a guest that has @disk. */
static int restore_with(const char *disk, const char *value)
{
	char restore[] = "restore", dir[] = "DIR", option[] = "--disk";
	char kernel[] = "--kernel=K", saved[64], given[64];
	char *argv[] = { restore, dir, option, given, NULL };
	char *guest[] = { kernel, saved, NULL };
	int r;

	(void)snprintf(saved, sizeof(saved), "--disk=%s", disk);
	(void)snprintf(given, sizeof(given), "%s", value);
	restore_words_finish(&words);
	config_finish(&config);
	config = (struct config){ 0 };
	err = (struct err){ 0 };
	r = restore_words_parse(&words, 4, argv, &err);
	assert_int_equal(r, 0);
	return restore_words_config(&config, guest, 2, &words, &err);
}

static void refused_with(int code, const char *disk, const char *value,
			 const char *why)
{
	assert_int_equal(restore_with(disk, value), code);
	assert_true(err.input);
	assert_string_equal(err.msg, why);
}

static void disk__is_found_by_any_path(void **state)
{
	(void)state;
	assert_int_equal(restore_with(DISK, DISK ",temp"), 0);
	assert_true(config.disk[0].temp);
	assert_int_equal(restore_with(DISK, "./" LINK ",temp"), 0);
	assert_int_equal(config.disks, 1);
	assert_true(config.disk[0].temp);
	assert_string_equal(config.disk[0].path, DISK);
	/* It may be so already. */
	assert_int_equal(restore_with(DISK ",temp", DISK ",temp"), 0);
	assert_true(config.disk[0].temp);
}

static void disk__what_cannot_be_is_refused(void **state)
{
	(void)state;
	refused_with(-EINVAL, DISK, DISK,
		     "--disk " DISK ": the guest has its own disks; what can "
		     "be said of one is FILE,temp");
	refused_with(-EINVAL, DISK, DISK ",ro",
		     "--disk " DISK ",ro: unknown key 'ro'");
	refused_with(-EINVAL, DISK ",ro", DISK ",temp",
		     "--disk " DISK ",temp: the guest cannot write it");
	refused_with(-ENOENT, DISK, "/dev/null,temp",
		     "--disk /dev/null,temp: the snapshot's guest has no such "
		     "disk");
	refused_with(-ENOENT, DISK, "nowhere,temp",
		     "--disk nowhere,temp: No such file or directory");
}

static void snapshot__a_disk_whose_writes_vanish_is_refused(void **state)
{
	(void)state;
	assert_int_equal(restore_with(DISK, DISK ",temp"), 0);
	assert_int_equal(snapshot_disks_can_refer(&config, &err), -EOPNOTSUPP);
	assert_string_equal(err.msg, "--disk " DISK ": what the guest has "
				     "written is in no file that a snapshot "
				     "could refer to; --disks copy keeps it");
	config.disk[0].temp = false;
	assert_int_equal(snapshot_disks_can_refer(&config, &err), 0);
}

int main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, make_files, remove_files)
	const struct CMUnitTest tests[] = {
		TEST(disk__is_found_by_any_path),
		TEST(disk__what_cannot_be_is_refused),
		TEST(snapshot__a_disk_whose_writes_vanish_is_refused),
	};

	return RUN_TESTS(tests);
}
