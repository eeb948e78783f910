/*
 * tests/unit/test_snapshot_crash.c - snapshots that are killed, or disturbed by
 * others, or that find the disk full.
 *
 * The program has its own versions of the calls that change folders, so that
 * something can happen just before each.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/state.h"
#include "tests/unit/temp_folder.h"
#include "vmm/snapshot/chain.h"
#include "vmm/snapshot/directory.h"

#define ARCH "arm64"
#define PAGES 4
#define KILLS 1000

/* What happens before a call: it may kill the process. */
static struct {
	unsigned calls; /* counted */
	unsigned die_at; /* 0: never */
	unsigned fail_at; /* 0: never; that call fails with @error */
	int error;
	const char *wait_for; /* the call before which act() is called, once */
	void (*act)(void *ctx);
	void *ctx;
	char order[4096]; /* names of calls, each with a space behind */
} fault;

/* Returns false if the call is to fail. */
static bool before_call(const char *name)
{
	void (*act)(void *ctx) = fault.act;

	if (++fault.calls == fault.die_at)
		(void)kill(getpid(), SIGKILL);
	if (strlen(fault.order) + strlen(name) + 2 < sizeof(fault.order)) {
		(void)strcat(fault.order, name);
		(void)strcat(fault.order, " ");
	}
	if (act && strcmp(name, fault.wait_for) == 0) {
		fault.act = NULL;
		act(fault.ctx);
	}
	errno = fault.error;
	return fault.calls != fault.fail_at;
}

/* Each has the symbol that the tested code calls. */
int fake_fsync(int fd) __asm__("fsync");
int fake_fdatasync(int fd) __asm__("fdatasync");
int fake_flock(int fd, int operation) __asm__("flock");
int fake_mkdirat(int dir, const char *path, mode_t mode) __asm__("mkdirat");
int fake_unlinkat(int dir, const char *path, int flags) __asm__("unlinkat");
int fake_renameat(int from_dir, const char *from, int to_dir,
		  const char *to) __asm__("renameat");
int fake_renameat2(int from_dir, const char *from, int to_dir, const char *to,
		   unsigned flags) __asm__("renameat2");
char *fake_realpath(const char *path, char *resolved) __asm__("realpath");

int fake_fsync(int fd)
{
	if (!before_call("fsync"))
		return -1;
	return (int)syscall(SYS_fsync, fd);
}

int fake_fdatasync(int fd)
{
	if (!before_call("fdatasync"))
		return -1;
	return (int)syscall(SYS_fdatasync, fd);
}

int fake_flock(int fd, int operation)
{
	if (!before_call("flock"))
		return -1;
	return (int)syscall(SYS_flock, fd, operation);
}

int fake_mkdirat(int dir, const char *path, mode_t mode)
{
	if (!before_call("mkdirat"))
		return -1;
	return (int)syscall(SYS_mkdirat, dir, path, mode);
}

int fake_unlinkat(int dir, const char *path, int flags)
{
	if (!before_call("unlinkat"))
		return -1;
	return (int)syscall(SYS_unlinkat, dir, path, flags);
}

int fake_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	if (!before_call("renameat"))
		return -1;
	return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}

int fake_renameat2(int from_dir, const char *from, int to_dir, const char *to,
		   unsigned flags)
{
	if (!before_call("renameat2"))
		return -1;
	return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

char *fake_realpath(const char *path, char *resolved)
{
	char to[TEMP_PATH_SIZE];

	if (!before_call("realpath"))
		return NULL;
	(void)resolved; /* the program has it allocated */
	/* Paths here are absolute, and have no links in them. */
	(void)snprintf(to, sizeof(to), "%s", path);
	return strdup(to);
}

struct rig {
	struct temp_folder folder;
	char place[TEMP_PATH_SIZE];
	char partial[TEMP_PATH_SIZE];
};

static int rig_begin(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	memset(&fault, 0, sizeof(fault));
	if (temp_folder_make(&rig->folder, "/dev/shm") < 0)
		assert_int_equal(temp_folder_make(&rig->folder, "/tmp"), 0);
	temp_folder_path(&rig->folder, "snap", rig->place);
	temp_folder_path(&rig->folder, "snap.partial", rig->partial);
	*state = rig;
	return 0;
}

static int rig_end(void **state)
{
	struct rig *rig = *state;

	memset(&fault, 0, sizeof(fault));
	assert_int_equal(temp_folder_remove(&rig->folder), 0);
	free(rig);
	return 0;
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static int write_memory(int dir, uint8_t mark, struct err *err)
{
	const struct image_region region = { { 0, PAGES * IMAGE_PAGE },
					     MEM_RAM,
					     "guest memory" };
	struct image_writer *writer = NULL;
	uint8_t page[IMAGE_PAGE];
	int r = image_writer_new(&writer, dir, IMAGE_FULL, &region, 1, err);

	memset(page, mark, sizeof(page));
	if (r == 0)
		r = image_writer_put(writer, 0, IMAGE_PAGE, page, IMAGE_PAGE,
				     err);
	if (r == 0)
		r = image_writer_end(writer, err);
	(void)image_writer_free(writer);
	return r;
}

static int write_state(int dir, uint8_t mark, struct err *err)
{
	struct state state;
	int r;

	state_begin(&state, ARCH);
	state_section(&state, 1, 0);
	state_put_int(&state, 1, mark, 1);
	r = state_end(&state, err);
	if (r == 0)
		r = snapshot_file_write(dir, SNAPSHOT_STATE, state.data,
					state.size, err);
	state_finish(&state);
	return r;
}

static int write_about(int dir, struct err *err)
{
	char name[] = "web", arch[] = ARCH, vmm[] = "0.1.0";
	char *words[] = { NULL };
	struct snapshot_about about = {
		.architecture = arch,
		.name = name,
		.vmm = vmm,
		.page = 4096,
		.word = words,
	};
	const int r = snapshot_make_id(about.id, err);

	return r == 0 ? snapshot_about_write(&about, dir, err) : r;
}

/* Writes a snapshot whose state and memory are of @mark. */
static int write_snapshot(const char *place, uint8_t mark, struct err *err)
{
	struct snapshot_dir dir = SNAPSHOT_DIR_NONE;
	int r = snapshot_dir_begin(&dir, place, err);

	if (r == 0)
		r = write_memory(dir.fd, mark, err);
	if (r == 0)
		r = write_state(dir.fd, mark, err);
	if (r == 0)
		r = write_about(dir.fd, err);
	if (r == 0)
		r = snapshot_dir_commit(&dir, err);
	snapshot_dir_finish(&dir);
	return r;
}

static void make_snapshot(const struct rig *rig, uint8_t mark)
{
	struct err err = { 0 };

	assert_int_equal(write_snapshot(rig->place, mark, &err), 0);
	assert_false(is_there(rig->partial));
}

/* Checks that a snapshot is whole, and of one piece. Returns its mark. */
static uint8_t whole_snapshot(const char *place)
{
	uint8_t host[PAGES * IMAGE_PAGE] = { 0 };
	struct snapshot_chain chain = { 0 };
	struct state_records records;
	struct state_view view;
	struct err err = { 0 };
	uint8_t *state = NULL;
	uint64_t mark = 0;
	size_t size;

	assert_int_equal(snapshot_chain_open(&chain, place, ARCH, &err), 0);
	assert_int_equal(snapshot_chain_verify(&chain, &err), 0);
	assert_int_equal(image_chain_load(&chain.memory, 0, host, -1, &err), 0);
	assert_int_equal(snapshot_chain_state(&chain, &state, &size, &err), 0);
	assert_int_equal(state_open(&view, state, size, ARCH, &err), 0);
	assert_int_equal(state_find(&view, 1, 0, &records, &err), 0);
	assert_int_equal(state_get(&records, 1, 1, &mark, &err), 0);
	assert_int_equal(host[IMAGE_PAGE], mark);
	free(state);
	snapshot_chain_finish(&chain);
	return (uint8_t)mark;
}

/* Waits for a process. Returns its status, or -1 if it was killed. */
static int end_of(pid_t pid)
{
	int status;

	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		assert_int_equal(WTERMSIG(status), SIGKILL);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Replaces a snapshot, in a process that dies before its call number @call.
 * Returns false if it makes fewer. */
static bool kill_before_call(const struct rig *rig, unsigned call)
{
	struct err err = { 0 };
	const pid_t pid = fork();
	int status;

	if (pid == 0) {
		fault.calls = 0;
		fault.die_at = call;
		_exit(write_snapshot(rig->place, 2, &err) == 0 ? 0 : 1);
	}
	status = end_of(pid);
	assert_int_not_equal(status, 1);
	return status < 0;
}

static void killed__before_any_call_it_leaves_the_old_or_the_new(void **state)
{
	const struct rig *rig = *state;
	unsigned call = 1, old = 0;

	make_snapshot(rig, 1);
	while (kill_before_call(rig, call++)) {
		const uint8_t mark = whole_snapshot(rig->place);

		assert_in_range(mark, 1, 2);
		old += mark == 1;
		make_snapshot(rig, 1);
	}
	assert_int_equal(whole_snapshot(rig->place), 2);
	/* Both happened. */
	assert_in_range(old, 5, call - 3);
}

/* Replaces a snapshot while call number @call fails. Returns false if there are
 * fewer. */
static bool fail_call(const struct rig *rig, unsigned call, int error)
{
	struct err err = { 0 };
	bool made;
	int r;

	fault.calls = 0;
	fault.fail_at = call;
	fault.error = error;
	r = write_snapshot(rig->place, 2, &err);
	made = fault.calls >= call;
	fault.fail_at = 0;
	assert_true(r == 0 || (r == err.code && err.msg[0] != '\0'));
	/* The folder around it may not have been brought to the disk. */
	if (whole_snapshot(rig->place) == 1)
		assert_true(r < 0);
	return made;
}

static void failed__at_any_call_it_leaves_the_old_or_the_new(void **state)
{
	static const int error[] = { EIO, ENOSPC, EROFS, EDQUOT };
	const struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(error) / sizeof(*error); i++) {
		unsigned call = 1;

		make_snapshot(rig, 1);
		/* What the one that failed has left, the next one clears. */
		while (fail_call(rig, call++, error[i]))
			make_snapshot(rig, 1);
		assert_true(call > 10);
		assert_int_equal(whole_snapshot(rig->place), 2);
	}
}

/* Writes one snapshot after another, and says when the first is there. */
_Noreturn static void write_for_ever(const struct rig *rig, int ready)
{
	struct err err = { 0 };

	for (uint8_t mark = 1;; mark = (uint8_t)(mark % 250 + 1)) {
		if (write_snapshot(rig->place, mark, &err) < 0)
			_exit(1);
		(void)!write(ready, "", 1);
	}
}

static void killed__at_random_it_leaves_the_old_or_the_new(void **state)
{
	const struct rig *rig = *state;
	uint32_t random = 1;

	make_snapshot(rig, 1);
	for (unsigned i = 0; i < KILLS; i++) {
		int ready[2];
		pid_t pid;
		char c;

		assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
		pid = fork();
		if (pid == 0)
			write_for_ever(rig, ready[1]);
		(void)close(ready[1]);
		assert_int_equal(read(ready[0], &c, 1), 1);
		random = random * 1664525 + 1013904223;
		(void)usleep(random >> 22);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(end_of(pid), -1);
		(void)close(ready[0]);
		(void)whole_snapshot(rig->place);
	}
	make_snapshot(rig, 251);
	assert_int_equal(whole_snapshot(rig->place), 251);
}

struct other {
	const struct rig *rig;
	struct snapshot_dir dir;
	int code;
};

static void other_commits(void *ctx)
{
	struct other *other = ctx;
	struct err err = { 0 };

	other->code = snapshot_dir_commit(&other->dir, &err);
	snapshot_dir_finish(&other->dir);
}

static void other_writes(void *ctx)
{
	struct other *other = ctx;
	struct err err = { 0 };

	other->code = write_snapshot(other->rig->place, 3, &err);
}

/* It opened the folder that another process then put in its place. */
static void begin__does_not_clear_what_was_just_committed(void **state)
{
	struct other other = { .rig = *state, .dir = SNAPSHOT_DIR_NONE };
	const char *place = other.rig->place;
	struct snapshot_dir dir = SNAPSHOT_DIR_NONE;
	struct err err = { 0 };

	assert_int_equal(snapshot_dir_begin(&other.dir, place, &err), 0);
	assert_int_equal(write_memory(other.dir.fd, 1, &err), 0);
	assert_int_equal(write_state(other.dir.fd, 1, &err), 0);
	assert_int_equal(write_about(other.dir.fd, &err), 0);
	fault.wait_for = "flock";
	fault.ctx = &other;
	fault.act = other_commits;
	assert_int_equal(snapshot_dir_begin(&dir, place, &err), -EBUSY);
	assert_int_equal(other.code, 0);
	assert_int_equal(whole_snapshot(place), 1);
	assert_int_equal(write_snapshot(place, 2, &err), 0);
}

static void commit__lets_nobody_in_while_the_old_one_is_removed(void **state)
{
	struct other other = { .rig = *state };

	make_snapshot(other.rig, 1);
	fault.wait_for = "unlinkat";
	fault.ctx = &other;
	fault.act = other_writes;
	make_snapshot(other.rig, 2);
	assert_int_equal(other.code, -EBUSY);
	assert_int_equal(whole_snapshot(other.rig->place), 2);
}

static void commit__removes_the_old_one_when_the_new_one_is_stable(void **state)
{
	const char *after;

	make_snapshot(*state, 1);
	fault.order[0] = '\0';
	make_snapshot(*state, 2);
	after = strstr(fault.order, "renameat2 ");
	assert_non_null(after);
	assert_int_equal(strncmp(after, "renameat2 fsync unlinkat ", 25), 0);
}

/* Found by its path a second time, it might be another one by then, and the
 * state of one would be taken with the memory of the other. */
static void open__looks_for_the_folder_once(void **state)
{
	const struct rig *rig = *state;
	struct snapshot_chain chain = { 0 };
	struct err err = { 0 };

	make_snapshot(rig, 1);
	fault.order[0] = '\0';
	assert_int_equal(snapshot_chain_open(&chain, rig->place, ARCH, &err),
			 0);
	snapshot_chain_finish(&chain);
	assert_string_equal(fault.order, "realpath ");
}

/* Writes a snapshot where no file may be longer than @limit. */
static int write_below(const struct rig *rig, rlim_t limit)
{
	const struct rlimit bytes = { limit, limit };
	struct err err = { 0 };
	const pid_t pid = fork();

	if (pid == 0) {
		(void)signal(SIGXFSZ, SIG_IGN);
		if (setrlimit(RLIMIT_FSIZE, &bytes) < 0)
			_exit(255);
		_exit(-write_snapshot(rig->place, 2, &err));
	}
	return end_of(pid);
}

static void limited__a_file_that_is_too_long_leaves_the_old_one(void **state)
{
	const struct rig *rig = *state;
	rlim_t limit = 0;
	int code;

	make_snapshot(rig, 1);
	while ((code = write_below(rig, limit)) != 0) {
		assert_int_equal(code, EFBIG);
		assert_int_equal(whole_snapshot(rig->place), 1);
		assert_false(is_there(rig->partial));
		limit += 64;
	}
	assert_int_equal(limit, PAGES * IMAGE_PAGE);
	assert_int_equal(whole_snapshot(rig->place), 2);
}

/* Fills a small disk, but for @left pages. */
static bool fill_disk(const struct rig *rig, unsigned left)
{
	char path[TEMP_PATH_SIZE];
	static const uint8_t page[4096];
	int fd;

	temp_folder_path(&rig->folder, "filler", path);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	while (write(fd, page, sizeof(page)) == (ssize_t)sizeof(page))
		;
	return ftruncate(fd, lseek(fd, 0, SEEK_END) - left * 4096L) == 0 &&
	       close(fd) == 0;
}

enum { DISK_NONE = 77 };

/* On a disk of its own, of 64 pages. */
static int fill_and_write(const struct rig *rig)
{
	struct err err = { 0 };
	unsigned left = 0;
	int r;

	if (unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", rig->folder.path, "tmpfs", 0, "size=256k") < 0)
		return DISK_NONE;
	make_snapshot(rig, 1);
	do {
		if (!fill_disk(rig, left++))
			return 2;
		r = write_snapshot(rig->place, 2, &err);
		if (r < 0 && (r != -ENOSPC || !err.msg[0]))
			return 3;
		if (whole_snapshot(rig->place) != (r < 0 ? 1 : 2) ||
		    is_there(rig->partial))
			return 4;
	} while (r < 0);
	/* A page each: memory, index, state, vm.json. */
	return left > 4 ? 0 : 5;
}

static void full__a_disk_without_room_leaves_the_old_one(void **state)
{
	const pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(fill_and_write(*state));
	status = end_of(pid);
	if (status == DISK_NONE)
		SKIP("needs root, to mount a tmpfs");
	assert_int_equal(status, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_begin, rig_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(killed__before_any_call_it_leaves_the_old_or_the_new),
		TEST(failed__at_any_call_it_leaves_the_old_or_the_new),
		TEST(killed__at_random_it_leaves_the_old_or_the_new),
		TEST(begin__does_not_clear_what_was_just_committed),
		TEST(commit__lets_nobody_in_while_the_old_one_is_removed),
		TEST(commit__removes_the_old_one_when_the_new_one_is_stable),
		TEST(open__looks_for_the_folder_once),
		TEST(limited__a_file_that_is_too_long_leaves_the_old_one),
		TEST(full__a_disk_without_room_leaves_the_old_one),
	};

	return RUN_TESTS(tests);
}
