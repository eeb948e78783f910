/* tests/unit/test_fs_saved.c - host/fs/saved.c: what a guest holds of a folder,
 * in a state. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "tests/unit/fs_rig.h"
#include "tests/unit/test.h"

#define ROOT FUSE_ROOT_ID
#define FIRST 0x10000
#define NODE(i) (FIRST + (UINT64_C(1) << 32) + (i))
#define HANDLE(i) (FIRST + (UINT64_C(2) << 32) + (i))
#define HEAD 32 /* bytes of a file's record before its path */

static const struct fs_options rw = { .writable = true };
static struct err err;

/* Writes a state of what the guest holds: 0, or why there is none. */
static int save(struct fs_rig *rig, struct state *state)
{
	err = (struct err){ 0 };
	state_begin(state, "test");
	state_section(state, 1, 0);
	fs_save_state(rig->fs, state, FIRST);
	return state_end(state, &err);
}

/* The folder is opened anew, as in another process. */
static void reopen(struct fs_rig *rig, bool writable)
{
	const struct fs_options opt = { .path = rig->folder.path,
					.writable = writable,
					.files = 256 };

	rig->fs = fs_close(rig->fs);
	assert_int_equal(fs_open(&rig->fs, &opt, &err), 0);
}

static int load_bytes(struct fs_rig *rig, const void *data, size_t size)
{
	struct state_view view;
	struct state_records records;
	int r;

	err = (struct err){ 0 };
	assert_int_equal(state_open(&view, data, size, "test", &err), 0);
	assert_int_equal(state_find(&view, 1, 0, &records, &err), 0);
	r = fs_load_state(rig->fs, &records, FIRST, &err);
	if (r == 0)
		assert_int_equal(state_records_end(&records, &err), 0);
	return r;
}

static int load(struct fs_rig *rig, const struct state *state)
{
	return load_bytes(rig, state->data, state->size);
}

/* Saves, and loads what was saved into the folder, which is opened anew. */
static int move_on(struct fs_rig *rig)
{
	struct state state;
	int r = save(rig, &state);

	if (r == 0) {
		reopen(rig, true);
		r = load(rig, &state);
	}
	state_finish(&state);
	return r;
}

static void path_in(const struct fs_rig *rig, const char *name,
		    char path[TEMP_PATH_SIZE])
{
	temp_folder_path(&rig->folder, name, path);
}

static void remove_on_host(const struct fs_rig *rig, const char *name)
{
	char path[TEMP_PATH_SIZE];

	path_in(rig, name, path);
	assert_int_equal(unlink(path), 0);
}

static void rename_on_host(const struct fs_rig *rig, const char *from,
			   const char *to)
{
	char was[TEMP_PATH_SIZE], is[TEMP_PATH_SIZE];

	path_in(rig, from, was);
	path_in(rig, to, is);
	assert_int_equal(rename(was, is), 0);
}

static int get_attr(struct fs_rig *rig, uint64_t node)
{
	const struct fuse_getattr_in in = { 0 };

	return fs_send(rig, FUSE_GETATTR, node, &in, sizeof(in), NULL, 0);
}

static int64_t open_folder(struct fs_rig *rig, uint64_t node)
{
	const struct fuse_open_in in = { .flags = O_RDONLY };
	struct fuse_open_out out;
	const int r = fs_send(rig, FUSE_OPENDIR, node, &in, sizeof(in), NULL,
			      0);

	memcpy(&out, rig->reply, sizeof(out));
	return r < 0 ? r : (int64_t)out.fh;
}

static int read_folder(struct fs_rig *rig, uint64_t node, uint64_t handle)
{
	const struct fuse_read_in in = { .fh = handle, .size = 4096 };

	return fs_send(rig, FUSE_READDIR, node, &in, sizeof(in), NULL, 0);
}

static void forget(struct fs_rig *rig, uint64_t node, uint64_t count)
{
	const struct fuse_forget_in in = { count };

	(void)fs_send(rig, FUSE_FORGET, node, &in, sizeof(in), NULL, 0);
}

static void load__files_that_are_open_stay_open(void **state)
{
	struct fs_rig rig;
	uint64_t node;
	int64_t file, reader, folder, dir;

	(void)state;
	fs_rig_init(&rig, &rw);
	temp_folder_put(&rig.folder, "d/read", "text");
	file = fs_create(&rig, ROOT, "new", O_RDWR, 0644, &node);
	assert_true(file >= 0);
	assert_int_equal(fs_write(&rig, (uint64_t)file, 0, "one", 3, 0), 3);
	dir = fs_lookup(&rig, ROOT, "d");
	reader = fs_open_node(&rig,
			      (uint64_t)fs_lookup(&rig, (uint64_t)dir, "read"),
			      O_RDONLY);
	folder = open_folder(&rig, ROOT);
	assert_true(dir > 0 && reader >= 0 && folder >= 0);

	assert_int_equal(move_on(&rig), 0);
	assert_int_equal(fs_write(&rig, (uint64_t)file, 3, "two", 3, 0), 3);
	assert_int_equal(fs_read(&rig, (uint64_t)file, 0, 16), 6);
	assert_memory_equal(rig.reply, "onetwo", 6);
	assert_int_equal(fs_read(&rig, (uint64_t)reader, 0, 16), 4);
	assert_int_equal(fs_write(&rig, (uint64_t)reader, 0, "x", 1, 0),
			 -EBADF);
	assert_int_equal(read_folder(&rig, ROOT, (uint64_t)folder), 0);
	assert_true(rig.len > 0);
	assert_int_equal(get_attr(&rig, node), 0);
	fs_rig_finish(&rig);
}

static void load__numbers_are_kept_and_not_given_again(void **state)
{
	struct fs_rig rig;
	uint32_t nodes, handles;
	int64_t a, b, c;

	(void)state;
	fs_rig_init(&rig, &rw);
	temp_folder_put(&rig.folder, "a", "");
	temp_folder_put(&rig.folder, "b", "");
	temp_folder_put(&rig.folder, "c", "");
	a = fs_lookup(&rig, ROOT, "a");
	b = fs_lookup(&rig, ROOT, "b");
	assert_int_equal(fs_lookup(&rig, ROOT, "b"), b);
	forget(&rig, (uint64_t)a, 1);
	assert_int_equal(move_on(&rig), 0);
	assert_int_equal(fs_lookup(&rig, ROOT, "b"), b);
	assert_int_equal(get_attr(&rig, (uint64_t)a), -ESTALE);
	c = fs_lookup(&rig, ROOT, "c");
	assert_true(c > 0 && c != a && c != b);
	/* Three LOOKUPs, of which two were saved. */
	forget(&rig, (uint64_t)b, 2);
	assert_int_equal(get_attr(&rig, (uint64_t)b), 0);
	forget(&rig, (uint64_t)b, 1);
	assert_int_equal(get_attr(&rig, (uint64_t)b), -ESTALE);
	fs_count(rig.fs, &nodes, &handles);
	assert_int_equal(nodes, 1);
	fs_rig_finish(&rig);
}

static void load__what_moved_is_found_and_what_went_is_stale(void **state)
{
	struct fs_rig rig;
	uint32_t nodes, handles;
	int64_t moved, gone, other, link;
	char path[TEMP_PATH_SIZE];

	(void)state;
	fs_rig_init(&rig, &rw);
	temp_folder_put(&rig.folder, "moved", "m");
	temp_folder_put(&rig.folder, "gone", "g");
	temp_folder_put(&rig.folder, "other", "o");
	path_in(&rig, "link", path);
	assert_int_equal(symlink("moved", path), 0);
	moved = fs_lookup(&rig, ROOT, "moved");
	gone = fs_lookup(&rig, ROOT, "gone");
	other = fs_lookup(&rig, ROOT, "other");
	link = fs_lookup(&rig, ROOT, "link");
	rename_on_host(&rig, "moved", "there");
	remove_on_host(&rig, "gone");
	temp_folder_put(&rig.folder, "gone", "another");
	temp_folder_put(&rig.folder, "new", "n");
	rename_on_host(&rig, "new", "other");

	assert_int_equal(move_on(&rig), 0);
	assert_int_equal(get_attr(&rig, (uint64_t)moved), 0);
	assert_int_equal(get_attr(&rig, (uint64_t)gone), -ESTALE);
	assert_int_equal(get_attr(&rig, (uint64_t)other), -ESTALE);
	assert_int_equal(
		fs_send(&rig, FUSE_READLINK, (uint64_t)link, NULL, 0, NULL, 0),
		0);
	/* It is asked for by name again, and the old number is given back. */
	assert_true(fs_lookup(&rig, ROOT, "gone") > 0);
	forget(&rig, (uint64_t)gone, 1);
	forget(&rig, (uint64_t)other, 1);
	fs_count(rig.fs, &nodes, &handles);
	assert_int_equal(nodes, 3);
	assert_int_equal(handles, 0);
	fs_rig_finish(&rig);
}

static void save__an_open_file_without_a_name_is_refused(void **state)
{
	struct fs_rig rig;
	struct state saved;
	uint64_t node;
	int64_t file;

	(void)state;
	fs_rig_init(&rig, &rw);
	file = fs_create(&rig, ROOT, "f", O_RDWR, 0644, &node);
	assert_true(file >= 0);
	remove_on_host(&rig, "f");
	/* A file that has the name which the kernel shows. */
	temp_folder_put(&rig.folder, "f (deleted)", "");
	assert_int_equal(save(&rig, &saved), -ENOTSUP);
	assert_true(err.input);
	assert_non_null(strstr(err.msg, "'f (deleted)' open, which has no "
					"name in the folder any more"));
	state_finish(&saved);
	/* The guest goes on. */
	assert_int_equal(fs_write(&rig, (uint64_t)file, 0, "one", 3, 0), 3);
	fs_rig_finish(&rig);
}

static void load__an_open_file_that_is_another_one_is_refused(void **state)
{
	struct fs_rig rig;
	struct state saved;
	uint32_t nodes, handles;

	(void)state;
	fs_rig_init(&rig, &rw);
	temp_folder_put(&rig.folder, "a", "one");
	assert_true(fs_open_node(&rig, (uint64_t)fs_lookup(&rig, ROOT, "a"),
				 O_RDONLY) >= 0);
	assert_int_equal(save(&rig, &saved), 0);
	temp_folder_put(&rig.folder, "b", "two");
	rename_on_host(&rig, "b", "a");
	reopen(&rig, true);
	assert_int_equal(load(&rig, &saved), -ESTALE);
	assert_true(err.input);
	assert_non_null(strstr(err.msg, "'a', which the guest has open"));
	fs_count(rig.fs, &nodes, &handles);
	assert_int_equal(nodes + handles, 0);
	assert_int_equal(fs_lookup(&rig, ROOT, "a"), -ENOTCONN);
	state_finish(&saved);
	fs_rig_finish(&rig);
}

static void load__no_session_is_none(void **state)
{
	struct fs_rig rig;
	struct state saved;

	(void)state;
	fs_rig_init(&rig, &rw);
	fs_disconnect(rig.fs);
	assert_int_equal(save(&rig, &saved), 0);
	assert_int_equal(load(&rig, &saved), 0);
	assert_int_equal(fs_lookup(&rig, ROOT, "a"), -ENOTCONN);
	state_finish(&saved);
	fs_rig_finish(&rig);
}

/* A record as it is saved. */
struct made {
	uint64_t id, ino, flags;
	uint32_t type, mounted;
	const char *path;
	size_t len; /* of the path */
};

static void put_made(struct state *state, uint64_t id, const struct made *made)
{
	uint8_t bytes[HEAD + 64];

	store_le64(bytes, made->id);
	store_le64(bytes + 8, made->ino);
	store_le64(bytes + 16, made->flags);
	store_le32(bytes + 24, made->type);
	store_le32(bytes + 28, made->mounted);
	memcpy(bytes + HEAD, made->path, made->len);
	state_put(state, id, bytes, HEAD + made->len);
}

/* Loads a state of some nodes and handles. */
static int load_made(struct fs_rig *rig, const struct made *node,
		     uint32_t nodes, const struct made *handle,
		     uint32_t handles)
{
	struct state state;
	int r;

	state_begin(&state, "test");
	state_section(&state, 1, 0);
	state_put_int(&state, FIRST, 1, 1);
	state_put_int(&state, FIRST + 1, nodes, 4);
	for (uint32_t i = 0; i < nodes; i++)
		put_made(&state, NODE(i), &node[i]);
	state_put_int(&state, FIRST + 2, handles, 4);
	for (uint32_t i = 0; i < handles; i++)
		put_made(&state, HANDLE(i), &handle[i]);
	assert_int_equal(state_end(&state, &err), 0);
	r = load(rig, &state);
	state_finish(&state);
	return r;
}

static uint64_t inode_of(const struct fs_rig *rig, const char *name)
{
	char path[TEMP_PATH_SIZE];
	struct stat st;

	path_in(rig, name, path);
	assert_int_equal(lstat(path, &st), 0);
	return st.st_ino;
}

static void load__nodes_are_not_trusted(void **state)
{
	struct fs_rig rig;
	struct made good, bad;

	(void)state;
	fs_rig_init(&rig, &rw);
	temp_folder_put(&rig.folder, "a", "");
	good = (struct made){ 2, inode_of(&rig, "a"), 1, S_IFREG, 0, "a", 1 };
	assert_int_equal(load_made(&rig, &good, 1, NULL, 0), 0);
	assert_int_equal(get_attr(&rig, 2), 0);
	/* A number that is taken, is the root's, or is none. */
	assert_int_equal(
		load_made(&rig, (struct made[]){ good, good }, 2, NULL, 0),
		-EBADMSG);
	for (size_t i = 0; i < 4; i++) {
		bad = good;
		bad.id = (uint64_t[]){ 0, 1, UINT32_MAX, UINT64_MAX }[i];
		assert_int_equal(load_made(&rig, &bad, 1, NULL, 0), -EBADMSG);
	}
	bad = good;
	bad.flags = 0;
	assert_int_equal(load_made(&rig, &bad, 1, NULL, 0), -EBADMSG);
	bad = good;
	bad.mounted = 2;
	assert_int_equal(load_made(&rig, &bad, 1, NULL, 0), -EBADMSG);
	bad = good;
	bad.path = "a\0b";
	bad.len = 3;
	assert_int_equal(load_made(&rig, &bad, 1, NULL, 0), -EBADMSG);
	assert_int_equal(get_attr(&rig, 2), -ENOTCONN);
	fs_rig_finish(&rig);
}

/* None of them leads out of the folder, or through a link. */
static void load__paths_are_not_trusted(void **state)
{
	static const char *const paths[] = { "..",	"../a", "/etc/passwd",
					     "d/../..", "link", "up/passwd",
					     "a/",	"" };
	struct fs_rig rig;
	char path[TEMP_PATH_SIZE];
	struct stat st;

	(void)state;
	fs_rig_init(&rig, &rw);
	temp_folder_put(&rig.folder, "d/a", "");
	path_in(&rig, "link", path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	path_in(&rig, "up", path);
	assert_int_equal(symlink("/etc", path), 0);
	assert_int_equal(stat("/etc/passwd", &st), 0);
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		const struct made made = {
			2, st.st_ino, 1, S_IFREG, 0, paths[i], strlen(paths[i])
		};
		const struct made open = {
			1, st.st_ino, O_RDONLY,	       S_IFREG,
			0, paths[i],  strlen(paths[i])
		};

		assert_int_equal(load_made(&rig, &made, 1, NULL, 0), 0);
		assert_int_equal(get_attr(&rig, 2), -ESTALE);
		assert_int_equal(load_made(&rig, NULL, 0, &open, 1), -ESTALE);
	}
	fs_rig_finish(&rig);
}

static void load__handles_are_not_trusted(void **state)
{
	struct fs_rig rig;
	struct made good, bad;
	char path[TEMP_PATH_SIZE];

	(void)state;
	fs_rig_init(&rig, &rw);
	temp_folder_put(&rig.folder, "a", "");
	path_in(&rig, "pipe", path);
	assert_int_equal(mkfifo(path, 0600), 0);
	good = (struct made){
		1, inode_of(&rig, "a"), O_RDWR, S_IFREG, 0, "a", 1
	};
	assert_int_equal(load_made(&rig, NULL, 0, &good, 1), 0);
	assert_int_equal(fs_write(&rig, 1, 0, "x", 1, 0), 1);
	assert_int_equal(
		load_made(&rig, NULL, 0, (struct made[]){ good, good }, 2),
		-EBADMSG);
	for (size_t i = 0; i < 3; i++) {
		bad = good;
		bad.flags = (uint64_t[]){ O_TRUNC, O_CREAT, UINT64_MAX }[i];
		assert_int_equal(load_made(&rig, NULL, 0, &bad, 1), -EBADMSG);
	}
	bad = (struct made){
		1, inode_of(&rig, "pipe"), O_RDWR, S_IFIFO, 0, "pipe", 4
	};
	assert_int_equal(load_made(&rig, NULL, 0, &bad, 1), -EBADMSG);
	bad.type = S_IFREG;
	assert_int_equal(load_made(&rig, NULL, 0, &bad, 1), -ESTALE);
	/* A folder is not written, nor anything of a read-only share. */
	bad = (struct made){ 1, 0, O_RDWR, S_IFDIR, 0, ".", 1 };
	assert_int_equal(load_made(&rig, NULL, 0, &bad, 1), -EBADMSG);
	reopen(&rig, false);
	assert_int_equal(load_made(&rig, NULL, 0, &good, 1), -EBADMSG);
	good.flags = O_RDONLY;
	assert_int_equal(load_made(&rig, NULL, 0, &good, 1), 0);
	fs_rig_finish(&rig);
}

static void load__what_is_missing_or_short_is_refused(void **state)
{
	struct fs_rig rig;
	struct state saved;
	const struct made two = { 2, 0, 1, S_IFREG, 0, "", 0 };

	(void)state;
	fs_rig_init(&rig, &rw);
	for (int i = 0; i < 4; i++) {
		state_begin(&saved, "test");
		state_section(&saved, 1, 0);
		state_put_int(&saved, FIRST, i == 0 ? 2 : 1, 1);
		if (i > 1)
			state_put_int(&saved, FIRST + 1, UINT32_MAX, 4);
		if (i == 2)
			put_made(&saved, NODE(0), &two);
		if (i == 3)
			state_put(&saved, NODE(0), "short", 5);
		assert_int_equal(state_end(&saved, &err), 0);
		assert_true(load(&rig, &saved) < 0);
		state_finish(&saved);
	}
	fs_rig_finish(&rig);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(load__files_that_are_open_stay_open),
		cmocka_unit_test(load__numbers_are_kept_and_not_given_again),
		cmocka_unit_test(
			load__what_moved_is_found_and_what_went_is_stale),
		cmocka_unit_test(save__an_open_file_without_a_name_is_refused),
		cmocka_unit_test(
			load__an_open_file_that_is_another_one_is_refused),
		cmocka_unit_test(load__no_session_is_none),
		cmocka_unit_test(load__nodes_are_not_trusted),
		cmocka_unit_test(load__paths_are_not_trusted),
		cmocka_unit_test(load__handles_are_not_trusted),
		cmocka_unit_test(load__what_is_missing_or_short_is_refused),
	};

	return RUN_TESTS(tests);
}
