/* tests/unit/test_rom.c - vmm/machine/rom.c. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"
#include "vmm/machine/rom.h"

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define PAGE (64 * KIB) /* of every host a multiple */
#define AT 0x10000000ULL

static char path[TEMP_PATH_SIZE];
static struct backing rom;
static struct range gpa;
static struct err err;

static int load(gpa_t at)
{
	const struct rom_spec spec = { .path = path, .at = at };

	err = (struct err){ 0 };
	rom = (struct backing){ 0 };
	return rom_load(&rom, &spec, PAGE, 2 * MIB, &gpa, &err);
}

static void fill(size_t size)
{
	char *buf = malloc(size + 1);
	const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(buf && fd >= 0);
	memset(buf, 'x', size);
	assert_int_equal(write(fd, buf, size), size);
	assert_int_equal(close(fd), 0);
	free(buf);
}

static void load__is_the_file_and_zeroes_to_the_end_of_a_page(void **state)
{
	static const struct {
		size_t size, pages;
	} want[] = { { 1, 1 }, { PAGE - 1, 1 }, { PAGE, 1 }, { PAGE + 1, 2 } };

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		const size_t size = want[i].size;

		fill(size);
		assert_int_equal(load(AT), 0);
		assert_int_equal(gpa.start, AT);
		assert_int_equal(gpa.size, want[i].pages * PAGE);
		assert_int_equal(rom.size, gpa.size);
		assert_int_equal(rom.host[0], 'x');
		assert_int_equal(rom.host[size - 1], 'x');
		for (uint64_t j = size; j < gpa.size; j++)
			assert_int_equal(rom.host[j], 0);
		backing_finish(&rom);
	}
}

static void load__what_becomes_of_the_file_does_not_matter(void **state)
{
	(void)state;
	fill(2 * PAGE);
	assert_int_equal(load(AT), 0);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(rom.host[2 * PAGE - 1], 'x');
	backing_finish(&rom);
}

static void load__is_read_only_to_us_too(void **state)
{
	pid_t child;
	int status;

	(void)state;
	fill(PAGE);
	assert_int_equal(load(AT), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		/* Neither cmocka's handler nor a sanitizer's. */
		(void)signal(SIGSEGV, SIG_DFL);
		*(volatile uint8_t *)rom.host = 0;
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	backing_finish(&rom);
}

static void refused(gpa_t at, int code, const char *sentence)
{
	assert_int_equal(load(at), code);
	assert_string_equal(err.msg, sentence);
	assert_true(err.input);
	assert_null(rom.host);
}

static void load__addresses_are_whole_pages(void **state)
{
	(void)state;
	fill(PAGE + 1);
	refused(AT + 4096, -EINVAL,
		"0x10001000 is not a multiple of this host's pages of 64K");
	refused(UINT64_MAX - PAGE + 1, -ERANGE, "ends beyond the last address");
	assert_int_equal(load(UINT64_MAX - 2 * PAGE + 1), 0);
	backing_finish(&rom);
}

static void load__odd_files_are_refused(void **state)
{
	char want[TEMP_PATH_SIZE + 64];

	(void)state;
	fill(0);
	(void)snprintf(want, sizeof(want), "%s: is empty", path);
	refused(AT, -ENODATA, want);
	assert_int_equal(truncate(path, (off_t)ROM_SIZE_MAX + 1), 0);
	refused(AT, -EFBIG, "larger than 1G");
	assert_int_equal(unlink(path), 0);
	(void)snprintf(want, sizeof(want), "%s: No such file or directory",
		       path);
	refused(AT, -ENOENT, want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			load__is_the_file_and_zeroes_to_the_end_of_a_page),
		cmocka_unit_test(
			load__what_becomes_of_the_file_does_not_matter),
		cmocka_unit_test(load__is_read_only_to_us_too),
		cmocka_unit_test(load__addresses_are_whole_pages),
		cmocka_unit_test(load__odd_files_are_refused),
	};
	struct temp_folder folder;
	int failed;

	if (temp_folder_make(&folder, "/tmp") < 0)
		return 1;
	temp_folder_path(&folder, "rom", path);
	failed = RUN_TESTS(tests);
	return temp_folder_remove(&folder) < 0 || failed;
}
