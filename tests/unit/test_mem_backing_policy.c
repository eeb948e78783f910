/* tests/unit/test_mem_backing_policy.c - mem/backing.c as policies have it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mem/backing.h"
#include "mem/host.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)
#define AT (2 * GIB + MIB)
#define SIZE (4 * MIB)

static struct err err;
static char text[512];
static struct temp_folder folder;
static char path[TEMP_PATH_SIZE];

static struct mem_policy policy(const char *words)
{
	const char *place = NULL;
	struct mem_policy p;

	err = (struct err){ 0 };
	(void)snprintf(text, sizeof(text), "4M,%s", words);
	if (mem_policy_parse(&p, text, &place, &err) < 0)
		fail_msg("%s: %s", words, err.msg);
	return p;
}

static int init(struct backing *b, const char *words)
{
	const struct mem_policy p = policy(words);

	return backing_init(b, (struct range){ AT, SIZE }, 2 * MIB, &p, &err);
}

static struct backing make(const char *words)
{
	struct backing b;

	if (init(&b, words) < 0)
		fail_msg("%s: %s", words, err.msg);
	assert_int_equal(((uintptr_t)b.host - AT) % (2 * MIB), 0);
	return b;
}

/* The same with a file=PATH in the test's folder; "%s" is for the path. */
static int init_file(struct backing *b, const char *format)
{
	char words[TEMP_PATH_SIZE + 64];

	(void)snprintf(words, sizeof(words), "backing=file:%s%s", path, format);
	return init(b, words);
}

static void refused(const char *format, int code, const char *sentence)
{
	struct backing b = { 0 };
	char want[TEMP_PATH_SIZE + 256];

	assert_int_equal(init_file(&b, format), code);
	(void)snprintf(want, sizeof(want), "backing: %s%s", path, sentence);
	assert_string_equal(err.msg, want);
	assert_true(err.input);
	assert_null(b.host);
}

static void write_file(size_t size)
{
	const int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(pwrite(fd, "old", 3, 0), 3);
	assert_int_equal(close(fd), 0);
}

static void read_file(char *buf, size_t len)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, buf, len, 0), len);
	assert_int_equal(close(fd), 0);
}

static int setup(void **state)
{
	(void)state;
	if (temp_folder_make(&folder, "/tmp") < 0)
		return -1;
	temp_folder_path(&folder, "ram", path);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return temp_folder_remove(&folder);
}

/* True if the kernel keeps @flag, as in proc(5), for the mapping at @p. */
static bool has_flag(const void *p, const char *flag)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	char line[512];
	bool inside = false;
	bool found = false;

	assert_non_null(smaps);
	while (fgets(line, sizeof(line), smaps)) {
		unsigned long start;
		unsigned long end;

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = (uintptr_t)p >= start && (uintptr_t)p < end;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line + 8, flag) != NULL;
	}
	(void)fclose(smaps);
	return found;
}

static void policy__default_stays_out_of_core_dumps(void **state)
{
	struct backing b = make("lock=off");

	(void)state;
	assert_int_equal(b.fd, -1);
	assert_int_equal(b.page, sysconf(_SC_PAGESIZE));
	assert_true(has_flag(b.host, " dd"));
	assert_true(has_flag(b.host, " nr"));
	assert_false(has_flag(b.host, " mg"));
	backing_finish(&b);
	b = make("dump=on");
	assert_false(has_flag(b.host, " dd"));
	backing_finish(&b);
}

static void policy__reserve_counts_against_the_host(void **state)
{
	struct backing b = make("reserve=on");

	(void)state;
	assert_false(has_flag(b.host, " nr"));
	assert_true(has_flag(b.host, " ac"));
	backing_finish(&b);
}

static void policy__what_cannot_be_promised_is_refused_now(void **state)
{
	const struct mem_policy p = policy("reserve=on");
	struct backing b = { 0 };

	(void)state;
	if (SMALL_ADDRESS_SPACE)
		SKIP("no room for so large a mapping");
	/* More than any host has, and less than its address space. */
	assert_int_equal(backing_init(&b, (struct range){ 0, 1ull << 46 },
				      2 * MIB, &p, &err),
			 -ENOMEM);
	assert_string_equal(err.msg, "reserve=on: 67108864 MiB of guest "
				     "memory: Cannot allocate memory");
	assert_null(b.host);
}

static void policy__merge_is_told_to_the_kernel(void **state)
{
	struct backing b;

	(void)state;
	if (init(&b, "merge") == -ENOTSUP)
		SKIP("the kernel does not merge pages");
	assert_true(has_flag(b.host, " mg"));
	backing_finish(&b);
}

static void policy__huge_pages_are_as_asked(void **state)
{
	struct backing b = make("huge=off");

	(void)state;
	if (access("/sys/kernel/mm/transparent_hugepage", F_OK) < 0)
		SKIP("no transparent huge pages");
	assert_true(has_flag(b.host, " nh"));
	backing_finish(&b);
	if (init(&b, "huge=thp") == -ENOTSUP)
		SKIP("no transparent huge pages");
	assert_true(has_flag(b.host, " hg"));
	backing_finish(&b);
}

static void policy__memfd_is_shared_and_of_a_size_that_stays(void **state)
{
	struct backing b = make("backing=memfd");
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	char *other;

	(void)state;
	other = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, b.fd, 0);
	assert_true(other != MAP_FAILED);
	b.host[0] = 'a';
	other[SIZE - 1] = 'z';
	assert_int_equal(other[0], 'a');
	assert_int_equal(b.host[SIZE - 1], 'z');
	assert_int_equal(fcntl(b.fd, F_GET_SEALS) & seals, seals);
	assert_int_equal(ftruncate(b.fd, 0), -1);
	assert_int_equal(munmap(other, SIZE), 0);
	backing_finish(&b);
	backing_finish(&b);
}

static void file__one_that_is_missing_is_made_sparse(void **state)
{
	struct backing b;
	struct stat st;

	(void)state;
	assert_int_equal(init_file(&b, ""), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, SIZE);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(st.st_blocks < 64);
	backing_finish(&b);
}

static void file__reserve_allocates_it(void **state)
{
	struct backing b;
	struct stat st;

	(void)state;
	assert_int_equal(init_file(&b, ",reserve"), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true((uint64_t)st.st_blocks * 512 >= SIZE);
	backing_finish(&b);
}

/* There a file's pages are the host's memory. */
static void file__reserve_on_a_tmpfs_needs_as_much_memory(void **state)
{
	char own[TEMP_PATH_SIZE];
	struct temp_folder shm;
	struct mem_policy p = policy("reserve=on,backing=file:X");
	struct range at = { AT, 0 };
	struct backing b;
	struct statfs fs;
	int ret;

	(void)state;
	if (statfs("/dev/shm", &fs) < 0 || fs.f_type != TMPFS_MAGIC)
		SKIP("no tmpfs on /dev/shm");
	assert_true(host_available(HOST_PROCFS, &at.size));
	at.size = (at.size / MIB + 1) * 2 * MIB;
	assert_int_equal(temp_folder_make(&shm, "/dev/shm"), 0);
	temp_folder_put(&shm, "file", "");
	temp_folder_path(&shm, "file", own);
	assert_int_equal(truncate(own, (off_t)at.size), 0);
	p.path = own;
	ret = backing_init(&b, at, 2 * MIB, &p, &err);
	assert_int_equal(temp_folder_remove(&shm), 0);
	assert_int_equal(ret, -ENOMEM);
	assert_non_null(strstr(err.msg, "backing: reserve=on: "));
	assert_non_null(strstr(err.msg, " MiB are asked for, "));
}

static void file__shared_writes_reach_it(void **state)
{
	char buf[3];
	struct backing b;

	(void)state;
	write_file(SIZE);
	assert_int_equal(init_file(&b, ""), 0);
	assert_memory_equal(b.host, "old", 3);
	memcpy(b.host, "new", 3);
	backing_finish(&b);
	read_file(buf, 3);
	assert_memory_equal(buf, "new", 3);
}

static void file__private_writes_do_not(void **state)
{
	char buf[3];
	struct backing b;

	(void)state;
	write_file(SIZE);
	assert_int_equal(chmod(path, 0400), 0);
	assert_int_equal(init_file(&b, ",share=off"), 0);
	assert_memory_equal(b.host, "old", 3);
	memcpy(b.host, "new", 3);
	read_file(buf, 3);
	assert_memory_equal(buf, "old", 3);
	backing_finish(&b);
}

static int lowest_free_fd(void)
{
	const int fd = dup(STDERR_FILENO);

	assert_int_equal(close(fd), 0);
	return fd;
}

static void file__one_that_cannot_be_made_leaves_nothing_behind(void **state)
{
	const struct range huge = { 0, UINT64_C(1) << 63 };
	const int before = lowest_free_fd();
	struct mem_policy p = { .source = MEM_FILE,
				.path = path,
				.share = true };
	struct backing b;

	(void)state;
	assert_int_equal(backing_init(&b, huge, 2 * MIB, &p, &err), -EFBIG);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(lowest_free_fd(), before);
}

static void file__one_that_is_of_no_use_is_not_kept(void **state)
{
	/* Words that do not go together, but only when the file is there. */
	const struct mem_policy p = { .source = MEM_FILE,
				      .path = path,
				      .share = true,
				      .bind = true,
				      .node = MEM_MAX_NODES - 1 };
	const struct range at = { AT, SIZE };
	struct backing b;

	(void)state;
	assert_true(backing_init(&b, at, 2 * MIB, &p, &err) < 0);
	assert_int_equal(access(path, F_OK), -1);
	/* One that was there before is the user's. */
	write_file(SIZE);
	assert_true(backing_init(&b, at, 2 * MIB, &p, &err) < 0);
	assert_int_equal(access(path, F_OK), 0);
}

static void file__another_size_is_refused_and_left_alone(void **state)
{
	struct stat st;

	(void)state;
	write_file(SIZE - 1);
	refused("", -EINVAL, ": its size is 4194303, that of the memory 4M");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, SIZE - 1);
	write_file(2 * SIZE);
	refused(",share=off", -EINVAL,
		": its size is 8M, that of the memory 4M");
}

static void file__private_and_missing_is_refused(void **state)
{
	(void)state;
	refused(",share=off", -ENOENT,
		": does not exist, and with share=off nothing would ever fill "
		"it");
	assert_int_equal(access(path, F_OK), -1);
}

static void file__what_is_no_file_is_refused(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	refused("", -EINVAL, ": not a regular file");
	assert_int_equal(unlink(path), 0);
	(void)strcpy(path, "/dev/null");
	refused("", -EINVAL, ": not a regular file");
	(void)strcpy(path, "/tmp");
	refused(",share=off", -EISDIR, ": is a directory");
	temp_folder_path(&folder, "ram", path);
}

static void file__one_in_use_is_refused(void **state)
{
	struct backing shared;
	struct backing reader;
	struct backing other;

	(void)state;
	assert_int_equal(init_file(&shared, ""), 0);
	refused("", -EBUSY, ": this machine uses it twice, and may write it");
	refused(",share=off", -EBUSY,
		": this machine uses it twice, and may write it");
	backing_finish(&shared);
	/* Readers do not mind each other. */
	assert_int_equal(init_file(&reader, ",share=off"), 0);
	assert_int_equal(init_file(&other, ",share=off"), 0);
	refused("", -EBUSY, ": this machine uses it twice, and may write it");
	backing_finish(&reader);
	backing_finish(&other);
}

static void file__huge_pages_need_their_file_system(void **state)
{
	struct backing b;

	(void)state;
	if (init(&b, "huge=2M") == -ENOTSUP)
		SKIP("no pools of huge pages");
	if (err.code == 0)
		backing_finish(&b);
	write_file(SIZE);
	{
		const struct mem_policy p = policy("huge=2M,backing=file:X");
		struct mem_policy q = p;

		q.path = path;
		assert_int_equal(backing_init(&b,
					      (struct range){ 2 * GIB, SIZE },
					      2 * MIB, &q, &err),
				 -EINVAL);
	}
	assert_non_null(strstr(err.msg, "huge=2M does not go with"));
	assert_true(err.input);
}

static void node__one_the_host_lacks_is_refused(void **state)
{
	struct backing b = { 0 };

	(void)state;
	if (access("/sys/devices/system/node/has_memory", F_OK) < 0)
		SKIP("the kernel knows no nodes");
	b = make("node=0");
	b.host[0] = 1;
	backing_finish(&b);
	assert_int_equal(init(&b, "node=1023"), -ENODEV);
	assert_non_null(strstr(err.msg, "node=1023: the nodes with memory of "
					"this host are 0"));
	assert_null(b.host);
}

/* 0 if a process without rights, that may lock 1 MiB, is told so. */
static int lock_without_rights(void)
{
	const struct rlimit limit = { MIB, MIB };
	struct backing b = { 0 };

	if (setrlimit(RLIMIT_MEMLOCK, &limit) < 0 ||
	    (getuid() == 0 && setuid(65534) < 0))
		return 77;
	if (init(&b, "lock") != -ENOMEM || b.host)
		return 1;
	return strcmp(err.msg, "lock=on: the limit of locked memory is 1M; "
			       "raise it (ulimit -l, LimitMEMLOCK=) or grant "
			       "CAP_IPC_LOCK") != 0;
}

static void lock__touched_pages_stay(void **state)
{
	struct backing b;
	unsigned char there[SIZE / 4096];

	(void)state;
	if (init(&b, "lock") == -ENOMEM)
		SKIP("locked memory is limited");
	assert_true(has_flag(b.host, " lo"));
	assert_int_equal(mincore(b.host, SIZE, there), 0);
	assert_false(there[0] & 1);
	backing_finish(&b);
}

static void lock__the_limit_is_named_with_its_cure(void **state)
{
	const pid_t child = fork();
	int status;

	(void)state;
	assert_true(child >= 0);
	if (child == 0)
		_exit(lock_without_rights());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		SKIP("this user cannot give up rights");
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void huge__a_pool_gives_whole_pages_or_says_what_it_lacks(void **state)
{
	const struct mem_policy p = policy("huge=2M");
	struct backing b;
	int r;

	(void)state;
	if (SMALL_ADDRESS_SPACE)
		SKIP("no room for so large a mapping");
	/* Far more than is in any pool. */
	r = backing_init(&b, (struct range){ 0, 1ull << 44 }, GIB, &p, &err);
	if (r == -ENOTSUP)
		SKIP("no pools of huge pages");
	assert_int_equal(r, -ENOMEM);
	assert_non_null(strstr(err.msg, "huge=2M: 8388608 pages are needed, "));
	r = backing_init(&b, (struct range){ 2 * GIB, SIZE }, GIB, &p, &err);
	if (r == -ENOMEM)
		SKIP("no free huge pages");
	assert_int_equal(r, 0);
	assert_int_equal(b.page, 2 * MIB);
	assert_int_equal((uintptr_t)b.host % b.page, 0);
	b.host[SIZE - 1] = 1;
	assert_true(has_flag(b.host, " ht"));
	backing_finish(&b);
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policy__default_stays_out_of_core_dumps),
		cmocka_unit_test(policy__reserve_counts_against_the_host),
		cmocka_unit_test(
			policy__what_cannot_be_promised_is_refused_now),
		cmocka_unit_test(policy__merge_is_told_to_the_kernel),
		cmocka_unit_test(policy__huge_pages_are_as_asked),
		cmocka_unit_test(
			policy__memfd_is_shared_and_of_a_size_that_stays),
		FILE_TEST(file__one_that_is_missing_is_made_sparse),
		FILE_TEST(file__reserve_allocates_it),
		FILE_TEST(file__reserve_on_a_tmpfs_needs_as_much_memory),
		FILE_TEST(file__shared_writes_reach_it),
		FILE_TEST(file__private_writes_do_not),
		FILE_TEST(file__one_that_cannot_be_made_leaves_nothing_behind),
		FILE_TEST(file__one_that_is_of_no_use_is_not_kept),
		FILE_TEST(file__another_size_is_refused_and_left_alone),
		FILE_TEST(file__private_and_missing_is_refused),
		FILE_TEST(file__what_is_no_file_is_refused),
		FILE_TEST(file__one_in_use_is_refused),
		FILE_TEST(file__huge_pages_need_their_file_system),
		cmocka_unit_test(node__one_the_host_lacks_is_refused),
		cmocka_unit_test(lock__touched_pages_stay),
		cmocka_unit_test(lock__the_limit_is_named_with_its_cure),
		cmocka_unit_test(
			huge__a_pool_gives_whole_pages_or_says_what_it_lacks),
	};

	return RUN_TESTS(tests);
}
