/* tests/unit/test_fs.c - a shared folder: names, folders, attributes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/fs_rig.h"
#include "tests/unit/test.h"

#define ROOT FUSE_ROOT_ID
#define RW                       \
	{                        \
		.writable = true \
	}

static void path_in(const struct fs_rig *rig, const char *name,
		    char path[TEMP_PATH_SIZE])
{
	temp_folder_path(&rig->folder, name, path);
}

static mode_t mode_of(const struct fs_rig *rig, const char *name)
{
	char path[TEMP_PATH_SIZE];
	struct stat st;

	path_in(rig, name, path);
	return lstat(path, &st) < 0 ? 0 : st.st_mode;
}

static int make_folder(struct fs_rig *rig, uint64_t parent, const char *name,
		       uint32_t mode)
{
	const struct fuse_mkdir_in in = { .mode = mode };

	return fs_send(rig, FUSE_MKDIR, parent, &in, sizeof(in), name,
		       strlen(name) + 1);
}

static int drop_name(struct fs_rig *rig, uint32_t opcode, const char *name)
{
	return fs_send(rig, opcode, ROOT, NULL, 0, name, strlen(name) + 1);
}

static int rename_to(struct fs_rig *rig, uint64_t to, uint32_t flags,
		     const char *names, size_t len)
{
	const struct fuse_rename2_in in = { .newdir = to, .flags = flags };

	return fs_send(rig, FUSE_RENAME2, ROOT, &in, sizeof(in), names, len);
}

static void INIT_agrees_on_what_both_have(void **state)
{
	struct fs_rig rig;
	struct fuse_init_out out;
	const struct fuse_init_in next = { .major = 8, .minor = 3 };

	(void)state;
	fs_rig_init(&rig, &(struct fs_options)RW);
	memcpy(&out, rig.reply, sizeof(out));
	assert_int_equal(out.major, 7);
	assert_int_equal(out.minor, 38);
	assert_int_equal(out.max_write, FS_MAX_WRITE);
	assert_true(out.flags & FUSE_DO_READDIRPLUS);
	assert_false(out.flags & FUSE_WRITEBACK_CACHE);
	assert_false(out.flags & (FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS));
	assert_int_equal(fs_rig_begin(&rig, 31), 0);
	memcpy(&out, rig.reply, sizeof(out));
	assert_int_equal(out.minor, 31);
	assert_int_equal(fs_rig_begin(&rig, 30), -EPROTO);
	/* One of a later protocol is told which this is. */
	assert_int_equal(
		fs_send(&rig, FUSE_INIT, 0, &next, sizeof(next), NULL, 0), 0);
	memcpy(&out, rig.reply, sizeof(out));
	assert_int_equal(out.major, 7);
	fs_rig_finish(&rig);
}

static void a_guest_finds_what_is_there(void **state)
{
	struct fs_rig rig;
	int64_t file, folder;

	(void)state;
	fs_rig_init(&rig, &(struct fs_options){ 0 });
	temp_folder_put(&rig.folder, "sub/deep", "hello");
	folder = fs_lookup(&rig, ROOT, "sub");
	assert_true(folder > ROOT);
	assert_true(S_ISDIR(fs_entry_attr(&rig)->mode));
	file = fs_lookup(&rig, (uint64_t)folder, "deep");
	assert_true(file > folder);
	assert_int_equal(fs_entry_attr(&rig)->size, 5);
	/* The same file is the same node. */
	assert_int_equal(fs_lookup(&rig, (uint64_t)folder, "deep"), file);
	assert_int_equal(fs_lookup(&rig, ROOT, "none"), -ENOENT);
	assert_int_equal(fs_lookup(&rig, (uint64_t)file, "x"), -ENOTDIR);
	fs_rig_finish(&rig);
}

static void what_is_forgotten_is_closed(void **state)
{
	struct fs_rig rig;
	uint32_t nodes, handles;
	struct fuse_forget_in forget = { .nlookup = 1 };
	struct {
		struct fuse_batch_forget_in head;
		struct fuse_forget_one one[2];
	} batch = { .head.count = 2 };
	uint64_t node;

	(void)state;
	fs_rig_init(&rig, &(struct fs_options){ 0 });
	temp_folder_put(&rig.folder, "a", "");
	temp_folder_put(&rig.folder, "b", "");
	node = (uint64_t)fs_lookup(&rig, ROOT, "a");
	(void)fs_lookup(&rig, ROOT, "a");
	assert_int_equal(fs_send(&rig, FUSE_FORGET, node, &forget,
				 sizeof(forget), NULL, 0),
			 1);
	fs_count(rig.fs, &nodes, &handles);
	assert_int_equal(nodes, 1);
	batch.one[0] = (struct fuse_forget_one){ node, 1 };
	batch.one[1] = (struct fuse_forget_one){
		(uint64_t)fs_lookup(&rig, ROOT, "b"), UINT64_MAX
	};
	assert_int_equal(fs_send(&rig, FUSE_BATCH_FORGET, 0, &batch,
				 sizeof(batch), NULL, 0),
			 1);
	fs_count(rig.fs, &nodes, &handles);
	assert_int_equal(nodes, 0);
	/* Its number finds nothing, for another file, too. */
	assert_int_equal(fs_lookup(&rig, node, "x"), -ESTALE);
	assert_int_not_equal(fs_lookup(&rig, ROOT, "b"), node);
	/* The root is not the guest's to forget. */
	(void)fs_send(&rig, FUSE_FORGET, ROOT, &forget, sizeof(forget), NULL,
		      0);
	assert_true(fs_lookup(&rig, ROOT, "a") > 0);
	fs_rig_finish(&rig);
}

static void folders_and_names_are_made_and_dropped(void **state)
{
	struct fs_rig rig;
	const struct fuse_mknod_in fifo = { .mode = S_IFIFO | 0622 };
	const mode_t mask = umask(027);

	(void)state;
	fs_rig_init(&rig, &(struct fs_options)RW);
	assert_int_equal(make_folder(&rig, ROOT, "d", 01777), 0);
	/* The mask is the guest's, and not the one of this process. */
	assert_int_equal(mode_of(&rig, "d"), S_IFDIR | 01777);
	assert_int_equal(fs_entry_attr(&rig)->mode, S_IFDIR | 01777);
	assert_int_equal(make_folder(&rig, ROOT, "d", 0777), -EEXIST);
	assert_int_equal(drop_name(&rig, FUSE_UNLINK, "d"), -EISDIR);
	assert_int_equal(drop_name(&rig, FUSE_RMDIR, "d"), 0);
	assert_int_equal(
		fs_send(&rig, FUSE_MKNOD, ROOT, &fifo, sizeof(fifo), "pipe", 5),
		0);
	assert_int_equal(mode_of(&rig, "pipe"), S_IFIFO | 0622);
	assert_int_equal(drop_name(&rig, FUSE_UNLINK, "pipe"), 0);
	assert_int_equal(mode_of(&rig, "pipe"), 0);
	assert_int_equal(drop_name(&rig, FUSE_UNLINK, "pipe"), -ENOENT);
	(void)umask(mask);
	fs_rig_finish(&rig);
}

static void names_are_bytes(void **state)
{
	struct fs_rig rig;
	char longest[257];
	static const char odd[] = "\xff\n\x01 \\\xc3";

	(void)state;
	fs_rig_init(&rig, &(struct fs_options)RW);
	memset(longest, 'n', sizeof(longest));
	longest[255] = 0;
	assert_int_equal(make_folder(&rig, ROOT, odd, 0700), 0);
	assert_true(fs_lookup(&rig, ROOT, odd) > 0);
	assert_int_equal(make_folder(&rig, ROOT, longest, 0700), 0);
	assert_true(fs_lookup(&rig, ROOT, longest) > 0);
	longest[255] = 'n';
	longest[256] = 0;
	assert_int_equal(make_folder(&rig, ROOT, longest, 0700), -ENAMETOOLONG);
	fs_rig_finish(&rig);
}

static void a_link_is_read_and_never_followed(void **state)
{
	struct fs_rig rig;
	char path[TEMP_PATH_SIZE];
	int64_t link;

	(void)state;
	fs_rig_init(&rig, &(struct fs_options)RW);
	path_in(&rig, "link", path);
	assert_int_equal(symlink("/etc", path), 0);
	link = fs_lookup(&rig, ROOT, "link");
	assert_true(S_ISLNK(fs_entry_attr(&rig)->mode));
	assert_int_equal(
		fs_send(&rig, FUSE_READLINK, (uint64_t)link, NULL, 0, NULL, 0),
		0);
	assert_int_equal(rig.len, 4);
	assert_memory_equal(rig.reply, "/etc", 4);
	assert_int_equal(fs_lookup(&rig, (uint64_t)link, "passwd"), -ENOTDIR);
	assert_int_equal(fs_open_node(&rig, (uint64_t)link, O_RDONLY), -ELOOP);
	assert_int_equal(fs_create(&rig, ROOT, "link", O_RDWR, 0600, NULL),
			 -ELOOP);
	assert_int_equal(
		fs_send(&rig, FUSE_SYMLINK, ROOT, NULL, 0, "n\0../x", 7), 0);
	assert_true(S_ISLNK(mode_of(&rig, "n")));
	assert_int_equal(fs_send(&rig, FUSE_READLINK, ROOT, NULL, 0, NULL, 0),
			 -EINVAL);
	fs_rig_finish(&rig);
}

static void a_file_is_renamed_as_asked(void **state)
{
	struct fs_rig rig;
	uint64_t sub;
	int64_t file;

	(void)state;
	fs_rig_init(&rig, &(struct fs_options)RW);
	temp_folder_put(&rig.folder, "a", "A");
	temp_folder_put(&rig.folder, "b", "BB");
	temp_folder_put(&rig.folder, "sub/c", "");
	file = fs_lookup(&rig, ROOT, "a");
	sub = (uint64_t)fs_lookup(&rig, ROOT, "sub");
	assert_int_equal(rename_to(&rig, ROOT, RENAME_NOREPLACE, "a\0b", 4),
			 -EEXIST);
	assert_int_equal(rename_to(&rig, ROOT, RENAME_EXCHANGE, "a\0b", 4), 0);
	assert_int_equal(fs_lookup(&rig, ROOT, "b"), file);
	assert_int_equal(rename_to(&rig, sub, 0, "b\0c", 4), 0);
	/* It is the same file, wherever it is. */
	assert_int_equal(fs_lookup(&rig, sub, "c"), file);
	assert_int_equal(rename_to(&rig, ROOT, RENAME_WHITEOUT, "a\0z", 4),
			 -EINVAL);
	assert_int_equal(rename_to(&rig, 77, 0, "a\0z", 4), -ESTALE);
	assert_int_equal(rename_to(&rig, ROOT, 0, "a\0z", 3), -EINVAL);
	fs_rig_finish(&rig);
}

static void a_file_may_have_two_names(void **state)
{
	struct fs_rig rig;
	struct fuse_link_in in;

	(void)state;
	fs_rig_init(&rig, &(struct fs_options)RW);
	temp_folder_put(&rig.folder, "a", "A");
	in.oldnodeid = (uint64_t)fs_lookup(&rig, ROOT, "a");
	assert_int_equal(
		fs_send(&rig, FUSE_LINK, ROOT, &in, sizeof(in), "b", 2), 0);
	assert_int_equal(fs_entry_attr(&rig)->nlink, 2);
	assert_int_equal(fs_lookup(&rig, ROOT, "b"), (int64_t)in.oldnodeid);
	in.oldnodeid = 99;
	assert_int_equal(
		fs_send(&rig, FUSE_LINK, ROOT, &in, sizeof(in), "c", 2),
		-ESTALE);
	fs_rig_finish(&rig);
}

static const struct fuse_attr *set_attr(struct fs_rig *rig, uint64_t node,
					const struct fuse_setattr_in *in,
					int want)
{
	static struct fuse_attr attr;

	assert_int_equal(
		fs_send(rig, FUSE_SETATTR, node, in, sizeof(*in), NULL, 0),
		want);
	memcpy(&attr, rig->reply + offsetof(struct fuse_attr_out, attr),
	       sizeof(attr));
	return &attr;
}

static void attributes_are_set(void **state)
{
	struct fs_rig rig;
	const struct fuse_attr *attr;
	struct fuse_setattr_in in = {
		.valid = FATTR_MODE | FATTR_SIZE | FATTR_ATIME | FATTR_MTIME,
		.mode = 0640,
		.size = 3,
		.atime = 1000000000,
		.mtime = 1234567890,
		.mtimensec = 5,
	};
	uint64_t node;

	(void)state;
	fs_rig_init(&rig, &(struct fs_options)RW);
	temp_folder_put(&rig.folder, "a", "hello");
	node = (uint64_t)fs_lookup(&rig, ROOT, "a");
	attr = set_attr(&rig, node, &in, 0);
	assert_int_equal(attr->mode, S_IFREG | 0640);
	assert_int_equal(attr->size, 3);
	assert_int_equal(attr->atime, 1000000000);
	assert_int_equal(attr->mtime, 1234567890);
	assert_int_equal(attr->mtimensec, 5);
	in = (struct fuse_setattr_in){ .valid = FATTR_MTIME | FATTR_MTIME_NOW };
	attr = set_attr(&rig, node, &in, 0);
	assert_true(attr->mtime > 1234567890);
	assert_int_equal(attr->atime, 1000000000);
	in = (struct fuse_setattr_in){ .valid = FATTR_SIZE };
	(void)set_attr(&rig, ROOT, &in, -EISDIR);
	in.size = UINT64_MAX;
	(void)set_attr(&rig, node, &in, -EFBIG);
	fs_rig_finish(&rig);
}

/* As root, who may have others own files, and as another, who may not. */
static void owners_are_shown_as_asked(void **state)
{
	struct fs_rig rig;
	const struct fuse_setattr_in give = { .valid = FATTR_UID,
					      .uid = 12345 };
	const struct fuse_setattr_in back = { .valid = FATTR_UID | FATTR_GID };
	const bool root = geteuid() == 0;
	uint64_t node;

	(void)state;
	fs_rig_init(&rig, &(struct fs_options)RW);
	temp_folder_put(&rig.folder, "a", "");
	node = (uint64_t)fs_lookup(&rig, ROOT, "a");
	assert_int_equal(fs_entry_attr(&rig)->uid, 0);
	assert_int_equal(fs_entry_attr(&rig)->gid, 0);
	assert_int_equal(set_attr(&rig, node, &back, 0)->uid, 0);
	if (root)
		assert_int_equal(set_attr(&rig, node, &give, 0)->uid, 12345);
	else
		(void)set_attr(&rig, node, &give, -EPERM);
	fs_rig_finish(&rig);
	fs_rig_init(&rig, &(struct fs_options){ .owners = FS_OWNERS_SAME,
						.writable = true });
	temp_folder_put(&rig.folder, "a", "");
	(void)fs_lookup(&rig, ROOT, "a");
	assert_int_equal(fs_entry_attr(&rig)->uid, geteuid());
	rig.uid = 1234;
	rig.gid = 1235;
	assert_int_equal(make_folder(&rig, ROOT, "d", 0700), 0);
	assert_int_equal(fs_entry_attr(&rig)->uid, root ? 1234 : geteuid());
	fs_rig_finish(&rig);
}

/* A caller who is not root, in a process of its own. */
static void run_as_another(void)
{
	const struct fuse_setattr_in own = { .valid = FATTR_UID | FATTR_GID };
	struct fuse_setattr_in other = { .valid = FATTR_UID, .uid = 12345 };
	struct fs_rig rig;
	uint64_t node;

	fs_rig_init(&rig, &(struct fs_options)RW);
	temp_folder_put(&rig.folder, "a", "");
	node = (uint64_t)fs_lookup(&rig, ROOT, "a");
	assert_int_equal(fs_entry_attr(&rig)->uid, 0);
	assert_int_equal(set_attr(&rig, node, &own, 0)->gid, 0);
	(void)set_attr(&rig, node, &other, -EPERM);
	other.uid = geteuid();
	(void)set_attr(&rig, node, &other, -EPERM);
	rig.uid = 7;
	assert_int_equal(make_folder(&rig, ROOT, "d", 0700), 0);
	assert_int_equal(fs_entry_attr(&rig)->uid, 0);
	fs_rig_finish(&rig);
}

static void the_caller_is_root_in_the_guest(void **state)
{
	int status = -1;
	pid_t child;

	(void)state;
	if (geteuid() != 0)
		SKIP("only root can become another");
	child = fork();
	if (child == 0) {
		if (setgid(54321) < 0 || setuid(54320) < 0)
			_exit(2);
		run_as_another();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static unsigned list_names(struct fs_rig *rig, uint64_t handle, uint32_t opcode,
			   uint32_t room, unsigned *ret_nodes)
{
	const size_t plus = opcode == FUSE_READDIRPLUS
				  ? sizeof(struct fuse_entry_out)
				  : 0;
	struct fuse_read_in in = { .fh = handle, .size = room };
	unsigned names = 0;

	for (;;) {
		size_t at = 0;

		assert_int_equal(
			fs_send_room(rig, opcode, ROOT, &in, sizeof(in), room),
			0);
		if (rig->len == 0)
			return names;
		while (at < rig->len) {
			struct fuse_entry_out entry = { 0 };
			struct fuse_dirent dirent;

			memcpy(&entry, rig->reply + at, plus);
			memcpy(&dirent, rig->reply + at + plus,
			       FUSE_NAME_OFFSET);
			*ret_nodes += entry.nodeid != 0;
			in.offset = dirent.off;
			names++;
			at += FUSE_DIRENT_ALIGN(plus + FUSE_NAME_OFFSET +
						dirent.namelen);
		}
		assert_int_equal(at, rig->len);
	}
}

#define FILES 1000

static void a_folder_is_read_in_pieces(void **state)
{
	struct fs_rig rig;
	const struct fuse_open_in in = { 0 };
	struct fuse_open_out out;
	unsigned nodes = 0;
	char name[40];

	(void)state;
	fs_rig_init(&rig, &(struct fs_options){ .files = 4 * FILES });
	for (unsigned i = 0; i < FILES; i++) {
		(void)snprintf(name, sizeof(name), "%0*u", i % 30 + 4, i);
		temp_folder_put(&rig.folder, name, "");
	}
	assert_int_equal(
		fs_send(&rig, FUSE_OPENDIR, ROOT, &in, sizeof(in), NULL, 0), 0);
	memcpy(&out, rig.reply, sizeof(out));
	assert_int_equal(list_names(&rig, out.fh, FUSE_READDIR, 512, &nodes),
			 FILES + 2);
	assert_int_equal(nodes, 0);
	assert_int_equal(
		list_names(&rig, out.fh, FUSE_READDIRPLUS, 4096, &nodes),
		FILES + 2);
	assert_int_equal(nodes, FILES);
	assert_int_equal(
		list_names(&rig, out.fh, FUSE_READDIRPLUS, 65536, &nodes),
		FILES + 2);
	assert_int_equal(fs_send(&rig, FUSE_FSYNCDIR, ROOT,
				 &(struct fuse_fsync_in){ .fh = out.fh },
				 sizeof(struct fuse_fsync_in), NULL, 0),
			 0);
	assert_int_equal(fs_send(&rig, FUSE_RELEASEDIR, ROOT,
				 &(struct fuse_release_in){ .fh = out.fh },
				 sizeof(struct fuse_release_in), NULL, 0),
			 0);
	fs_rig_finish(&rig);
}

static void the_file_system_is_described(void **state)
{
	struct fs_rig rig;
	struct fuse_statfs_out out;

	(void)state;
	fs_rig_init(&rig, &(struct fs_options){ 0 });
	assert_int_equal(fs_send(&rig, FUSE_STATFS, ROOT, NULL, 0, NULL, 0), 0);
	memcpy(&out, rig.reply, sizeof(out));
	assert_true(out.st.bsize > 0);
	assert_true(out.st.namelen >= 255);
	assert_int_equal(fs_send(&rig, FUSE_SYNCFS, ROOT, NULL, 0, NULL, 0), 0);
	fs_rig_finish(&rig);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(INIT_agrees_on_what_both_have),
		cmocka_unit_test(a_guest_finds_what_is_there),
		cmocka_unit_test(what_is_forgotten_is_closed),
		cmocka_unit_test(folders_and_names_are_made_and_dropped),
		cmocka_unit_test(names_are_bytes),
		cmocka_unit_test(a_link_is_read_and_never_followed),
		cmocka_unit_test(a_file_is_renamed_as_asked),
		cmocka_unit_test(a_file_may_have_two_names),
		cmocka_unit_test(attributes_are_set),
		cmocka_unit_test(owners_are_shown_as_asked),
		cmocka_unit_test(the_caller_is_root_in_the_guest),
		cmocka_unit_test(a_folder_is_read_in_pieces),
		cmocka_unit_test(the_file_system_is_described),
	};

	return RUN_TESTS(tests);
}
