/* tests/unit/test_test_plan.c - vmm/test/plan.c, cpio.c and user.c. */
#include "vmm/test/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"
#include "vmm/test/cpio.h"

/* An archive in memory. */
struct archive {
	int fd;
	char *bytes;
	size_t size;
};

static void begin(struct archive *a)
{
	a->fd = memfd_create("archive", MFD_CLOEXEC);
	assert_true(a->fd >= 0);
}

static void take(struct archive *a)
{
	a->size = (size_t)lseek(a->fd, 0, SEEK_END);
	a->bytes = malloc(a->size + 1);
	assert_int_equal(pread(a->fd, a->bytes, a->size, 0), (int)a->size);
	a->bytes[a->size] = '\0';
}

static void end(struct archive *a)
{
	free(a->bytes);
	(void)close(a->fd);
}

static size_t field(const char *head, unsigned which)
{
	char text[9] = "";

	memcpy(text, head + 6 + 8 * which, 8);
	return strtoul(text, NULL, 16);
}

/* The content of a file in the archive, as Linux would find it. */
static const char *find(const struct archive *a, const char *name,
			size_t *ret_size, size_t *ret_mode)
{
	for (size_t at = 0; at + 110 <= a->size;) {
		const char *head = a->bytes + at;
		const size_t length = field(head, 11), size = field(head, 6);
		const size_t data = (at + 110 + length + 3) & ~(size_t)3;

		assert_memory_equal(head, "070701", 6);
		assert_int_equal(head[110 + length - 1], 0);
		if (strcmp(head + 110, name) == 0) {
			*ret_size = size;
			*ret_mode = field(head, 1);
			return a->bytes + data;
		}
		at = (data + size + 3) & ~(size_t)3;
	}
	return NULL;
}

static void cpio__is_read_as_it_was_written(void **state)
{
	struct err err = { 0 };
	struct archive a = { 0 };
	struct cpio cpio;
	size_t size = 0, mode = 0;

	(void)state;
	begin(&a);
	cpio_begin(&cpio, a.fd, &err);
	cpio_folder(&cpio, "dir", 0755);
	cpio_file(&cpio, "dir/a", 0644, "abcde", 5);
	cpio_device(&cpio, "dir/c", 0600, 5, 1);
	assert_int_equal(cpio_end(&cpio), 0);
	take(&a);
	assert_int_equal(a.size % 4, 0);
	assert_memory_equal(find(&a, "dir/a", &size, &mode), "abcde", 5);
	assert_int_equal(size, 5);
	assert_int_equal(mode, 0100644);
	assert_non_null(find(&a, "dir", &size, &mode));
	assert_int_equal(mode, 040755);
	assert_non_null(find(&a, "dir/c", &size, &mode));
	assert_int_equal(mode, 020600);
	assert_non_null(find(&a, "TRAILER!!!", &size, &mode));
	end(&a);
}

static void cpio__keeps_its_first_failure(void **state)
{
	struct err err = { 0 };
	struct cpio cpio;

	(void)state;
	cpio_begin(&cpio, -1, &err);
	cpio_folder(&cpio, "dir", 0755);
	cpio_folder(&cpio, "other", 0755);
	assert_int_equal(cpio_end(&cpio), -EBADF);
}

/* The job's words, one to a line. */
static char *job_of(const struct archive *a)
{
	size_t size = 0, mode = 0;
	const char *job = find(a, ".vmm/job", &size, &mode);
	char *ret = malloc(size + 2);

	assert_non_null(job);
	ret[0] = '\n';
	memcpy(ret + 1, job, size);
	for (size_t i = 1; i <= size; i++)
		if (ret[i] == '\0')
			ret[i] = '\n';
	ret[size + 1] = '\0';
	return ret;
}

static void plan__says_what_is_to_be_done(void **state)
{
	static const struct modules none;
	char *const command[] = { (char[]){ "echo" }, (char[]){ "a b" }, NULL };
	const struct test_words words = { .env = { "A=0", "A=1", "HOME=/h" },
					  .envs = 3,
					  .fetch = { "/f", "g" },
					  .fetches = 2,
					  .command = command,
					  .command_words = 2 };
	const struct test_user user = { .uid = 7,
					.gid = 8,
					.group = { 9 },
					.groups = 1,
					.home = "/home/x",
					.shell = "/bin/sh" };
	const struct plan plan = {
		.init = (const uint8_t *)"init",
		.init_size = 4,
		.modules = &none,
		.words = &words,
		.user = &user,
		.share = { { PLAN_ROOT, "/", "/" },
			   { PLAN_RW, "/a", "/b" },
			   { PLAN_FETCH, "/c", "/" } },
		.shares = 3,
		.pwd = "/p",
	};
	_cleanup_(freep) char *job = NULL;
	struct err err = { 0 };
	struct archive a = { 0 };
	size_t size = 0, mode = 0;

	(void)state;
	begin(&a);
	assert_int_equal(plan_write(&plan, a.fd, &err), 0);
	take(&a);
	assert_memory_equal(find(&a, ".vmm/init", &size, &mode), "init", 4);
	assert_int_equal(mode, 0100755);
	job = job_of(&a);
	assert_non_null(strstr(job, "\nroot=vmm-test-0\n"));
	assert_non_null(strstr(job, "\nrw=vmm-test-1:/b\n"));
	assert_non_null(strstr(job, "\nfetchdir=vmm-test-2\nfetch=/f\n"
				    "fetch=g\n"));
	assert_non_null(strstr(job, "\npwd=/p\nuid=7\ngid=8\ngroup=9\n"));
	assert_non_null(strstr(job, "\narg=echo\narg=a b\n"));
	assert_non_null(strstr(job, "\nenv=A=1\nenv=HOME=/h\n"));
	assert_null(strstr(job, "env=A=0"));
	assert_null(strstr(job, "/home/x"));
	assert_null(strstr(job, "\nrows="));
	end(&a);
}

static void plan__a_variable_that_is_not_there_is_refused(void **state)
{
	static const struct modules none;
	const struct test_words words = { .env = { "VMM_NO_SUCH" }, .envs = 1 };
	const struct test_user user = { .shell = "/bin/sh" };
	const struct plan plan = {
		.modules = &none, .words = &words, .user = &user, .pwd = "/"
	};
	struct err err = { 0 };
	struct archive a = { 0 };

	(void)state;
	begin(&a);
	assert_int_equal(plan_write(&plan, a.fd, &err), -EINVAL);
	assert_string_equal(err.msg,
			    "--env VMM_NO_SUCH: there is no such variable");
	end(&a);
}

static void user__is_found_in_the_root(void **state)
{
	struct temp_folder folder;
	struct test_user user;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(temp_folder_make(&folder, "/tmp"), 0);
	temp_folder_put(&folder, "etc/passwd",
			"root:x:0:0:root:/root:/bin/sh\nbroken\n"
			"bob:x:1000:100:Bob:/home/bob:/bin/bash\n");
	temp_folder_put(&folder, "etc/group",
			"wheel:x:10:alice,bob\nusers:x:100:\nx:x:11:bobby\n");
	assert_int_equal(test_user_find(&user, folder.path, "bob", &err), 0);
	assert_int_equal(user.uid, 1000);
	assert_int_equal(user.gid, 100);
	assert_int_equal(user.groups, 1);
	assert_int_equal(user.group[0], 10);
	assert_string_equal(user.home, "/home/bob");
	assert_string_equal(user.shell, "/bin/bash");
	assert_int_equal(test_user_find(&user, folder.path, "5:6", &err), 0);
	assert_int_equal(user.uid, 5);
	assert_int_equal(user.gid, 6);
	assert_string_equal(user.home, "/");
	assert_int_equal(test_user_find(&user, folder.path, "eve", &err),
			 -ENOENT);
	assert_int_equal(test_user_find(&user, folder.path, "5x", &err),
			 -EINVAL);
	err = (struct err){ 0 };
	assert_int_equal(test_user_find(&user, NULL, NULL, &err), 0);
	assert_int_equal(user.uid, geteuid());
	assert_int_equal(temp_folder_remove(&folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpio__is_read_as_it_was_written),
		cmocka_unit_test(cpio__keeps_its_first_failure),
		cmocka_unit_test(plan__says_what_is_to_be_done),
		cmocka_unit_test(plan__a_variable_that_is_not_there_is_refused),
		cmocka_unit_test(user__is_found_in_the_root),
	};

	return RUN_TESTS(tests);
}
