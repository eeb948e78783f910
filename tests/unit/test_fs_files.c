/* tests/unit/test_fs_files.c - a shared folder: what is in its files. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "host/fs/node.h"
#include "tests/unit/fs_rig.h"
#include "tests/unit/test.h"

#define ROOT FUSE_ROOT_ID
#define RW                       \
	{                        \
		.writable = true \
	}

static int release(struct fs_rig *rig, int64_t handle)
{
	const struct fuse_release_in in = { .fh = (uint64_t)handle };

	return fs_send(rig, FUSE_RELEASE, ROOT, &in, sizeof(in), NULL, 0);
}

static void assert_content(const struct fs_rig *rig, const char *name,
			   const char *want)
{
	char path[TEMP_PATH_SIZE], text[64] = "";
	int fd;

	temp_folder_path(&rig->folder, name, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	assert_int_equal(close(fd), 0);
	assert_string_equal(text, want);
}

static void a_file_is_read_and_written(void **state)
{
	struct fs_rig rig;
	uint8_t big[70001], *much = malloc(FS_MAX_WRITE);
	uint64_t node;
	int64_t fh;

	(void)state;
	fs_rig_init(&rig, &(struct fs_options)RW);
	fh = fs_create(&rig, ROOT, "a", O_RDWR, 0644, &node);
	assert_true(fh > 0);
	assert_int_equal(fs_write(&rig, (uint64_t)fh, 0, "hello world", 11, 0),
			 11);
	assert_int_equal(fs_write(&rig, (uint64_t)fh, 6, "there", 5, 0), 5);
	assert_content(&rig, "a", "hello there");
	assert_int_equal(fs_read(&rig, (uint64_t)fh, 6, 100), 5);
	assert_memory_equal(rig.reply, "there", 5);
	assert_int_equal(fs_read(&rig, (uint64_t)fh, 100, 100), 0);
	memset(big, 'b', sizeof(big));
	assert_int_equal(fs_write(&rig, (uint64_t)fh, 0, big, sizeof(big), 0),
			 sizeof(big));
	assert_int_equal(fs_read(&rig, (uint64_t)fh, 1, 60000), 60000);
	assert_memory_equal(rig.reply, big, 60000);
	memset(much, 'm', FS_MAX_WRITE);
	assert_int_equal(fs_write(&rig, (uint64_t)fh, 0, much, FS_MAX_WRITE, 0),
			 FS_MAX_WRITE);
	assert_int_equal(release(&rig, fh), 0);
	assert_int_equal(release(&rig, fh), -EBADF);
	assert_int_equal(fs_read(&rig, (uint64_t)fh, 0, 1), -EBADF);
	free(much);
	fs_rig_finish(&rig);
}

static void appending_finds_the_end(void **state)
{
	struct fs_rig rig;
	struct fuse_write_in in = { .size = 1,
				    .flags = O_APPEND,
				    .write_flags = FUSE_WRITE_CACHE };
	int64_t fh;

	(void)state;
	fs_rig_init(&rig, &(struct fs_options)RW);
	temp_folder_put(&rig.folder, "a", "one");
	fh = fs_open_node(&rig, (uint64_t)fs_lookup(&rig, ROOT, "a"),
			  O_RDWR | O_APPEND);
	assert_int_equal(fs_write(&rig, (uint64_t)fh, 0, "two", 3, O_APPEND),
			 3);
	assert_content(&rig, "a", "onetwo");
	/* A page that is written back stays where it is. */
	in.fh = (uint64_t)fh;
	assert_int_equal(
		fs_send(&rig, FUSE_WRITE, ROOT, &in, sizeof(in), "O", 1), 0);
	assert_content(&rig, "a", "Onetwo");
	fs_rig_finish(&rig);
}

static void CREATE_honours_the_guests_flags(void **state)
{
	struct fs_rig rig;
	const mode_t mask = umask(077);
	uint64_t node;
	int64_t fh;

	(void)state;
	fs_rig_init(&rig, &(struct fs_options)RW);
	/* A new file is open as asked, whatever its mode says. */
	fh = fs_create(&rig, ROOT, "a", O_WRONLY, 0444, &node);
	assert_true(fh > 0);
	assert_int_equal(fs_entry_attr(&rig)->mode, S_IFREG | 0444);
	assert_int_equal(fs_write(&rig, (uint64_t)fh, 0, "x", 1, 0), 1);
	assert_int_equal(fs_read(&rig, (uint64_t)fh, 0, 1), -EBADF);
	assert_int_equal(fs_create(&rig, ROOT, "a", O_EXCL, 0644, NULL),
			 -EEXIST);
	fh = fs_create(&rig, ROOT, "b", O_RDWR, 0666, &node);
	assert_int_equal(fs_write(&rig, (uint64_t)fh, 0, "text", 4, 0), 4);
	assert_true(fs_create(&rig, ROOT, "b", O_RDWR | O_TRUNC, 0, NULL) > 0);
	assert_int_equal(fs_entry_attr(&rig)->size, 0);
	assert_int_equal(fs_lookup(&rig, ROOT, "b"), (int64_t)node);
	assert_int_equal(fs_open_node(&rig, ROOT, O_RDONLY), -EISDIR);
	(void)umask(mask);
	fs_rig_finish(&rig);
}

static void an_unlinked_file_lives_while_it_is_open(void **state)
{
	struct fs_rig rig;
	struct fuse_setattr_in cut = { .valid = FATTR_SIZE | FATTR_FH,
				       .size = 2 };
	uint64_t node;
	int64_t fh;

	(void)state;
	fs_rig_init(&rig, &(struct fs_options)RW);
	fh = fs_create(&rig, ROOT, "a", O_RDWR, 0, &node);
	assert_int_equal(fs_send(&rig, FUSE_UNLINK, ROOT, NULL, 0, "a", 2), 0);
	assert_int_equal(fs_write(&rig, (uint64_t)fh, 0, "gone", 4, 0), 4);
	cut.fh = (uint64_t)fh;
	assert_int_equal(
		fs_send(&rig, FUSE_SETATTR, node, &cut, sizeof(cut), NULL, 0),
		0);
	assert_int_equal(fs_read(&rig, (uint64_t)fh, 0, 10), 2);
	assert_int_equal(fs_lookup(&rig, ROOT, "a"), -ENOENT);
	fs_rig_finish(&rig);
}

static void a_file_without_a_name_can_be_given_one(void **state)
{
	struct fs_rig rig;
	const struct fuse_create_in in = { .flags = O_RDWR, .mode = 0600 };
	struct fuse_link_in link;
	struct fuse_open_out out;
	int r;

	(void)state;
	fs_rig_init(&rig, &(struct fs_options)RW);
	r = fs_send(&rig, FUSE_TMPFILE, ROOT, &in, sizeof(in), "/", 2);
	if (r == -EOPNOTSUPP) {
		fs_rig_finish(&rig);
		SKIP("this file system has no O_TMPFILE");
	}
	assert_int_equal(r, 0);
	memcpy(&link.oldnodeid, rig.reply, sizeof(link.oldnodeid));
	memcpy(&out, rig.reply + sizeof(struct fuse_entry_out), sizeof(out));
	assert_int_equal(fs_write(&rig, out.fh, 0, "t", 1, 0), 1);
	assert_int_equal(
		fs_send(&rig, FUSE_LINK, ROOT, &link, sizeof(link), "named", 6),
		0);
	assert_content(&rig, "named", "t");
	fs_rig_finish(&rig);
}

static void unchanged_files_stay_in_the_guests_cache(void **state)
{
	struct fs_nodes nodes;
	struct fs_node *root;
	struct stat st = { .st_size = 5,
			   .st_mtim = { 1000, 1 },
			   .st_ctim = { 1000, 2 } };

	(void)state;
	assert_int_equal(
		fs_nodes_init(&nodes, 10, open("/", O_PATH | O_CLOEXEC)), 0);
	root = fs_node_get(&nodes, ROOT);
	assert_false(fs_node_stamp(&nodes, root, &st));
	assert_true(fs_node_stamp(&nodes, root, &st));
	st.st_ctim.tv_nsec++;
	assert_false(fs_node_stamp(&nodes, root, &st));
	assert_true(fs_node_stamp(&nodes, root, &st));
	/* One of now may change again, and its time stay. */
	st.st_mtim.tv_sec = time(NULL);
	assert_false(fs_node_stamp(&nodes, root, &st));
	assert_false(fs_node_stamp(&nodes, root, &st));
	fs_node_put(&nodes, root);
	fs_nodes_finish(&nodes);
}

static void what_was_not_written_is_not_flushed(void **state)
{
	struct fs_rig rig;
	struct fuse_open_out out;
	uint64_t node;

	(void)state;
	fs_rig_init(&rig, &(struct fs_options)RW);
	temp_folder_put(&rig.folder, "a", "A");
	node = (uint64_t)fs_lookup(&rig, ROOT, "a");
	assert_true(fs_open_node(&rig, node, O_RDONLY) > 0);
	memcpy(&out, rig.reply, sizeof(out));
	assert_int_equal(out.open_flags, FOPEN_NOFLUSH);
	assert_true(fs_open_node(&rig, node, O_RDWR) > 0);
	memcpy(&out, rig.reply, sizeof(out));
	assert_int_equal(out.open_flags, 0);
	fs_rig_finish(&rig);
}

static void ranges_are_allocated_and_found(void **state)
{
	struct fs_rig rig;
	struct fuse_fallocate_in room = { .length = 8192 };
	struct fuse_lseek_in seek = { .whence = SEEK_HOLE };
	struct fuse_lseek_out out;
	struct fuse_fsync_in sync = { 0 };
	struct fuse_flush_in flush = { 0 };
	int64_t fh;

	(void)state;
	fs_rig_init(&rig, &(struct fs_options)RW);
	fh = fs_create(&rig, ROOT, "a", O_RDWR, 0600, NULL);
	room.fh = seek.fh = sync.fh = flush.fh = (uint64_t)fh;
	assert_int_equal(fs_send(&rig, FUSE_FALLOCATE, ROOT, &room,
				 sizeof(room), NULL, 0),
			 0);
	assert_int_equal(fs_write(&rig, (uint64_t)fh, 0, "x", 1, 0), 1);
	assert_int_equal(
		fs_send(&rig, FUSE_LSEEK, ROOT, &seek, sizeof(seek), NULL, 0),
		0);
	memcpy(&out, rig.reply, sizeof(out));
	assert_true(out.offset > 0 && out.offset <= 8192);
	seek.whence = SEEK_SET;
	assert_int_equal(
		fs_send(&rig, FUSE_LSEEK, ROOT, &seek, sizeof(seek), NULL, 0),
		-EINVAL);
	assert_int_equal(
		fs_send(&rig, FUSE_FSYNC, ROOT, &sync, sizeof(sync), NULL, 0),
		0);
	assert_int_equal(
		fs_send(&rig, FUSE_FLUSH, ROOT, &flush, sizeof(flush), NULL, 0),
		0);
	room.offset = UINT64_MAX;
	assert_int_equal(fs_send(&rig, FUSE_FALLOCATE, ROOT, &room,
				 sizeof(room), NULL, 0),
			 -EFBIG);
	fs_rig_finish(&rig);
}

static void bytes_are_copied_on_the_host(void **state)
{
	struct fs_rig rig;
	struct fuse_copy_file_range_in in = { .off_in = 1, .len = UINT64_MAX };

	(void)state;
	fs_rig_init(&rig, &(struct fs_options)RW);
	temp_folder_put(&rig.folder, "a", "hello");
	in.fh_in = (uint64_t)fs_open_node(
		&rig, (uint64_t)fs_lookup(&rig, ROOT, "a"), O_RDONLY);
	in.fh_out = (uint64_t)fs_create(&rig, ROOT, "b", O_RDWR, 0600, NULL);
	assert_int_equal(fs_send(&rig, FUSE_COPY_FILE_RANGE, ROOT, &in,
				 sizeof(in), NULL, 0),
			 0);
	assert_content(&rig, "b", "ello");
	in.fh_out = 1000;
	assert_int_equal(fs_send(&rig, FUSE_COPY_FILE_RANGE, ROOT, &in,
				 sizeof(in), NULL, 0),
			 -EBADF);
	fs_rig_finish(&rig);
}

static int set_xattr(struct fs_rig *rig, uint64_t node, const char *data,
		     size_t len, uint32_t size)
{
	const struct fuse_setxattr_in in = { .size = size };

	return fs_send(rig, FUSE_SETXATTR, node, &in,
		       FUSE_COMPAT_SETXATTR_IN_SIZE, data, len);
}

static int get_xattr(struct fs_rig *rig, uint64_t node, const char *name,
		     uint32_t size)
{
	const struct fuse_getxattr_in in = { .size = size };

	return fs_send(rig, name ? FUSE_GETXATTR : FUSE_LISTXATTR, node, &in,
		       sizeof(in), name, name ? strlen(name) + 1 : 0);
}

static void the_users_attributes_are_the_guests(void **state)
{
	struct fs_rig rig;
	struct fuse_getxattr_out out;
	uint64_t node;
	int r;

	(void)state;
	fs_rig_init(&rig, &(struct fs_options)RW);
	temp_folder_put(&rig.folder, "a", "");
	node = (uint64_t)fs_lookup(&rig, ROOT, "a");
	assert_int_equal(set_xattr(&rig, node, "security.x\0v", 12, 1),
			 -EOPNOTSUPP);
	assert_int_equal(set_xattr(&rig, node, "trusted.x\0v", 11, 1),
			 -EOPNOTSUPP);
	assert_int_equal(get_xattr(&rig, node, "system.posix_acl_access", 0),
			 -EOPNOTSUPP);
	r = set_xattr(&rig, node, "user.x\0val", 10, 3);
	if (r == -EOPNOTSUPP) {
		fs_rig_finish(&rig);
		SKIP("this file system has no attributes of users");
	}
	assert_int_equal(r, 0);
	assert_int_equal(get_xattr(&rig, node, "user.x", 0), 0);
	memcpy(&out, rig.reply, sizeof(out));
	assert_int_equal(out.size, 3);
	assert_int_equal(get_xattr(&rig, node, "user.x", 2), -ERANGE);
	assert_int_equal(get_xattr(&rig, node, "user.x", 3), 0);
	assert_memory_equal(rig.reply, "val", 3);
	assert_int_equal(get_xattr(&rig, node, NULL, 100), 0);
	assert_int_equal(rig.len, 7);
	assert_memory_equal(rig.reply, "user.x", 7);
	assert_int_equal(set_xattr(&rig, node, "user.y\0v", 8, 2), -EINVAL);
	assert_int_equal(
		fs_send(&rig, FUSE_REMOVEXATTR, node, NULL, 0, "user.x", 7), 0);
	assert_int_equal(get_xattr(&rig, node, "user.x", 0), -ENODATA);
	fs_rig_finish(&rig);
}

static void a_write_takes_away_privileges(void **state)
{
	struct fs_rig rig;
	struct fuse_write_in in = { .size = 1,
				    .write_flags = FUSE_WRITE_KILL_SUIDGID };
	char path[TEMP_PATH_SIZE];
	struct stat st;

	(void)state;
	fs_rig_init(&rig, &(struct fs_options)RW);
	temp_folder_put(&rig.folder, "a", "");
	temp_folder_path(&rig.folder, "a", path);
	assert_int_equal(chmod(path, 06755), 0);
	in.fh = (uint64_t)fs_open_node(
		&rig, (uint64_t)fs_lookup(&rig, ROOT, "a"), O_RDWR);
	assert_int_equal(
		fs_send(&rig, FUSE_WRITE, ROOT, &in, sizeof(in), "x", 1), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	fs_rig_finish(&rig);
}

static void what_is_read_only_stays(void **state)
{
	struct fs_rig rig;
	const struct fuse_setattr_in mode = { .valid = FATTR_MODE };
	const struct fuse_mkdir_in mkdir = { 0 };
	uint64_t node;

	(void)state;
	fs_rig_init(&rig, &(struct fs_options){ 0 });
	temp_folder_put(&rig.folder, "a", "text");
	node = (uint64_t)fs_lookup(&rig, ROOT, "a");
	assert_int_equal(fs_open_node(&rig, node, O_RDWR), -EROFS);
	assert_int_equal(fs_open_node(&rig, node, O_RDONLY | O_TRUNC), -EROFS);
	assert_int_equal(fs_create(&rig, ROOT, "b", O_RDONLY, 0, NULL), -EROFS);
	assert_int_equal(
		fs_send(&rig, FUSE_SETATTR, node, &mode, sizeof(mode), NULL, 0),
		-EROFS);
	assert_int_equal(
		fs_send(&rig, FUSE_MKDIR, ROOT, &mkdir, sizeof(mkdir), "d", 2),
		-EROFS);
	assert_int_equal(fs_send(&rig, FUSE_UNLINK, ROOT, NULL, 0, "a", 2),
			 -EROFS);
	assert_int_equal(set_xattr(&rig, node, "user.x\0v", 8, 1), -EROFS);
	assert_int_equal(fs_read(&rig,
				 (uint64_t)fs_open_node(&rig, node, O_RDONLY),
				 0, 10),
			 4);
	assert_content(&rig, "a", "text");
	fs_rig_finish(&rig);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_read_and_written),
		cmocka_unit_test(appending_finds_the_end),
		cmocka_unit_test(CREATE_honours_the_guests_flags),
		cmocka_unit_test(an_unlinked_file_lives_while_it_is_open),
		cmocka_unit_test(a_file_without_a_name_can_be_given_one),
		cmocka_unit_test(unchanged_files_stay_in_the_guests_cache),
		cmocka_unit_test(what_was_not_written_is_not_flushed),
		cmocka_unit_test(ranges_are_allocated_and_found),
		cmocka_unit_test(bytes_are_copied_on_the_host),
		cmocka_unit_test(the_users_attributes_are_the_guests),
		cmocka_unit_test(a_write_takes_away_privileges),
		cmocka_unit_test(what_is_read_only_stays),
	};

	return RUN_TESTS(tests);
}
