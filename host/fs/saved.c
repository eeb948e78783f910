/* host/fs/saved.c - what a guest holds of a shared folder, in a saved state. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "host/fs/fs.h"
#include "host/fs/op.h"

/* Records, counted from the first id. */
enum {
	RECORD_BEGUN, /* 1 byte: there is a session */
	RECORD_NODES, /* 4: how many nodes there are, beside the root */
	RECORD_HANDLES, /* 4: how many handles */
};
#define RECORD_NODE(i) ((UINT64_C(1) << 32) + (i))
#define RECORD_HANDLE(i) ((UINT64_C(2) << 32) + (i))

/* A node or handle: little-endian, and then the path, to the end. */
enum {
	SAVED_ID = 0, /* 8 */
	SAVED_INO = 8, /* 8: of the file on the host */
	SAVED_LOOKUPS = 16, /* 8; of a handle: its flags of open(2) */
	SAVED_TYPE = 24, /* 4: S_IFMT of the file */
	SAVED_MOUNTED = 28, /* 4: 0 or 1 */
	SAVED_PATH = 32, /* below the folder; none: it has no name there */
	SAVED_MAX = SAVED_PATH + PATH_MAX - 1,
};

struct saved_file {
	uint64_t id, ino, lookups;
	uint32_t type, mounted;
	char path[PATH_MAX]; /* "": none; ".": the folder itself */
};

/* Writes what the host's kernel calls an open file. Returns its length; 0 if
 * that does not fit. */
static size_t read_link_of(int fd, char path[PATH_MAX])
{
	char link[FS_PATH_SIZE];
	ssize_t len;

	fs_path(fd, link);
	len = readlink(link, path, PATH_MAX);
	if (len < 0 || len == PATH_MAX)
		len = 0;
	path[len] = '\0';
	return (size_t)len;
}

static struct fs_node *root_of(struct fs *fs)
{
	return fs->nodes.slots.slot[0].item;
}

/* Writes a file's path below the folder; "" if it has none. The name of a
 * removed file is wrong, and has to be checked. */
static void find_path_below(const char *root, int fd, char ret[PATH_MAX])
{
	const size_t prefix = strcmp(root, "/") == 0 ? 0 : strlen(root);
	char path[PATH_MAX];
	const char *rest = path + prefix;
	const size_t len = read_link_of(fd, path);

	ret[0] = '\0';
	if (len == 0 || strncmp(path, root, prefix) != 0)
		return;
	if (*rest == '/' && rest[1] != '\0')
		memcpy(ret, rest + 1, len - prefix);
	else if (*rest == '\0' || *rest == '/')
		memcpy(ret, ".", 2);
}

static void put_saved_file(struct state *state, uint64_t id,
			   const struct saved_file *file)
{
	uint8_t bytes[SAVED_MAX];
	const size_t len = strlen(file->path);

	store_le64(bytes + SAVED_ID, file->id);
	store_le64(bytes + SAVED_INO, file->ino);
	store_le64(bytes + SAVED_LOOKUPS, file->lookups);
	store_le32(bytes + SAVED_TYPE, file->type);
	store_le32(bytes + SAVED_MOUNTED, file->mounted);
	memcpy(bytes + SAVED_PATH, file->path, len);
	state_put(state, id, bytes, SAVED_PATH + len);
}

static void save_nodes(struct fs *fs, const char *root, struct state *state,
		       uint64_t first)
{
	const struct fs_slots *slots = &fs->nodes.slots;
	uint32_t count = 0;

	state_put_int(state, first + RECORD_NODES, slots->count - 1, 4);
	for (uint32_t i = 1; i < slots->size; i++) {
		const struct fs_node *node = slots->slot[i].item;
		struct saved_file file;

		if (!node)
			continue;
		file.id = node->id;
		file.ino = node->ino;
		file.lookups = node->lookups;
		file.type = node->type;
		file.mounted = node->mounted;
		file.path[0] = '\0';
		if (node->fd >= 0)
			find_path_below(root, node->fd, file.path);
		put_saved_file(state, first + RECORD_NODE(count++), &file);
	}
}

/* Opens what has a path below the folder, if it is the file that was saved.
 * Returns an O_PATH descriptor; -ENOENT if it is not; or the errno of not
 * finding out. */
static int open_saved_path(struct fs *fs, const struct saved_file *file,
			   struct stat *st)
{
	_cleanup_(fd_closep) int fd = -1;

	if (file->path[0] == '\0')
		return -ENOENT;
	fd = fs_open_child(root_of(fs)->fd, file->path, O_PATH, 0);
	if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM || fd == -EINTR)
		return TAKE_FD(fd);
	if (fd < 0 || fstat(fd, st) < 0 || st->st_ino != file->ino ||
	    (st->st_mode & S_IFMT) != file->type)
		return -ENOENT;
	return TAKE_FD(fd);
}

/* What a guest has open has to be found again: it may have been removed. */
static int check_named(struct fs *fs, const struct saved_file *file,
		       struct err *err)
{
	struct stat st;
	_cleanup_(fd_closep) int fd = open_saved_path(fs, file, &st);
	const struct fs_node node = { .type = file->type, .fd = fd };
	int r;

	if (fd < 0)
		return err_input(err, -ENOTSUP,
				 "--share: the guest has '%s' open, which has "
				 "no name in the folder any more",
				 file->path);
	/* Its mode may have changed since it was opened, or made. */
	r = fs_reopen(&node, (int)file->lookups);
	if (r < 0)
		return err_input(err, -ENOTSUP,
				 "--share: the guest has '%s' open, which "
				 "cannot be opened again: %s",
				 file->path, strerrordesc_np(-r));
	(void)close(r);
	return 0;
}

static int describe_handle(const struct fs_handle *handle, const char *root,
			   struct saved_file *ret, struct err *err)
{
	struct stat st;
	const int flags = fcntl(handle->fd, F_GETFL);

	if (flags < 0 || fstat(handle->fd, &st) < 0)
		return err_sys(err, "--share");
	ret->id = handle->id;
	ret->ino = st.st_ino;
	ret->lookups = (uint64_t)(flags & O_ACCMODE);
	ret->type = st.st_mode & S_IFMT;
	ret->mounted = 0;
	find_path_below(root, handle->fd, ret->path);
	return 0;
}

static int save_handles(struct fs *fs, const char *root, struct state *state,
			uint64_t first, struct err *err)
{
	const struct fs_slots *slots = &fs->handles.slots;
	uint32_t count = 0;

	state_put_int(state, first + RECORD_HANDLES, slots->count, 4);
	for (uint32_t i = 0; i < slots->size; i++) {
		const struct fs_handle *handle = slots->slot[i].item;
		struct saved_file file;
		int r;

		if (!handle)
			continue;
		r = describe_handle(handle, root, &file, err);
		if (r == 0)
			r = check_named(fs, &file, err);
		if (r < 0)
			return r;
		put_saved_file(state, first + RECORD_HANDLE(count++), &file);
	}
	return 0;
}

void fs_save_state(struct fs *fs, struct state *state, uint64_t first)
{
	struct err why = { 0 };
	char root[PATH_MAX];

	(void)pthread_rwlock_wrlock(&fs->session);
	state_put_int(state, first + RECORD_BEGUN, fs->begun, 1);
	if (fs->begun) {
		(void)read_link_of(root_of(fs)->fd, root);
		save_nodes(fs, root, state, first);
		if (save_handles(fs, root, state, first, &why) < 0)
			state_refuse(state, &why);
	}
	(void)pthread_rwlock_unlock(&fs->session);
}

static int refuse_saved(const char *what, struct err *err)
{
	return err_input(err, -EBADMSG, "--share: %s", what);
}

/* Takes the record of a node or handle apart. */
static int take_saved_file(struct state_records *from, uint64_t id,
			   struct saved_file *ret, struct err *err)
{
	struct state_record record;
	size_t len;

	if (!state_take(from, id, &record))
		return refuse_saved("a file is missing", err);
	if (record.size < SAVED_PATH || record.size > SAVED_MAX)
		return refuse_saved("a file's record has a wrong size", err);
	ret->id = load_le64(record.val + SAVED_ID);
	ret->ino = load_le64(record.val + SAVED_INO);
	ret->lookups = load_le64(record.val + SAVED_LOOKUPS);
	ret->type = load_le32(record.val + SAVED_TYPE);
	ret->mounted = load_le32(record.val + SAVED_MOUNTED);
	len = record.size - SAVED_PATH;
	memcpy(ret->path, record.val + SAVED_PATH, len);
	ret->path[len] = '\0';
	if (strlen(ret->path) != len || ret->mounted > 1)
		return refuse_saved("a file's record is damaged", err);
	return 0;
}

static int tell_unrestored(int r, struct err *err)
{
	if (r == -EINVAL)
		return refuse_saved("a file's number is none, or given twice",
				    err);
	return err_set(err, r, "--share: files that the guest holds: %s",
		       strerrordesc_np(-r));
}

static int load_node(struct fs *fs, const struct saved_file *file,
		     struct err *err)
{
	const struct fs_saved_node saved = { file->id, file->lookups,
					     file->mounted != 0 };
	struct stat st;
	int r = open_saved_path(fs, file, &st);

	if (r >= 0 || r == -ENOENT)
		r = fs_node_restore(&fs->nodes, &saved, r < 0 ? -1 : r, &st);
	return r < 0 ? tell_unrestored(r, err) : 0;
}

/* What the guest may have open here, whatever the state says. */
static int check_saved_handle(const struct fs *fs,
			      const struct saved_file *file, struct err *err)
{
	if (file->type != S_IFREG && file->type != S_IFDIR)
		return refuse_saved("a special file is open", err);
	if (file->lookups & ~(uint64_t)O_ACCMODE ||
	    (file->type == S_IFDIR && file->lookups != O_RDONLY))
		return refuse_saved("a file is open in a way there is not",
				    err);
	if (file->lookups != O_RDONLY && !fs->writable)
		return refuse_saved("a file is open for writing, and the "
				    "folder is read-only",
				    err);
	return 0;
}

static int load_handle(struct fs *fs, const struct saved_file *file,
		       struct err *err)
{
	_cleanup_(fd_closep) int fd = -1;
	struct fs_node node = { .type = file->type };
	struct stat st;
	int r = check_saved_handle(fs, file, err);

	if (r < 0)
		return r;
	fd = open_saved_path(fs, file, &st);
	if (fd == -ENOENT)
		return err_input(err, -ESTALE,
				 "--share: '%s', which the guest has open, is "
				 "gone, or another file has its name",
				 file->path);
	if (fd < 0)
		return tell_unrestored(fd, err);
	node.fd = fd;
	r = fs_reopen(&node, (int)file->lookups);
	if (r < 0)
		return err_input(err, r, "--share: '%s': %s", file->path,
				 strerrordesc_np(-r));
	r = fs_handle_restore(&fs->handles, file->id, r, file->type == S_IFDIR);
	return r < 0 ? tell_unrestored(r, err) : 0;
}

/* @load: for each of @count records, counted from @id */
static int load_files(struct fs *fs, struct state_records *from, uint64_t id,
		      uint64_t count,
		      int (*load)(struct fs *fs, const struct saved_file *file,
				  struct err *err),
		      struct err *err)
{
	struct saved_file file;
	int r = 0;

	for (uint64_t i = 0; i < count && r == 0; i++) {
		r = take_saved_file(from, id + i, &file, err);
		if (r == 0)
			r = load(fs, &file, err);
	}
	return r;
}

static int load_session(struct fs *fs, struct state_records *from,
			uint64_t first, struct err *err)
{
	uint64_t nodes, handles;
	int r = state_get(from, first + RECORD_NODES, 4, &nodes, err);

	if (r == 0)
		r = load_files(fs, from, first + RECORD_NODE(0), nodes,
			       load_node, err);
	if (r == 0)
		r = state_get(from, first + RECORD_HANDLES, 4, &handles, err);
	if (r == 0)
		r = load_files(fs, from, first + RECORD_HANDLE(0), handles,
			       load_handle, err);
	fs_nodes_end_restore(&fs->nodes);
	fs_handles_end_restore(&fs->handles);
	return r;
}

int fs_load_state(struct fs *fs, struct state_records *from, uint64_t first,
		  struct err *err)
{
	uint64_t begun;
	int r = state_get(from, first + RECORD_BEGUN, 1, &begun, err);

	if (r < 0)
		return r;
	if (begun > 1)
		return refuse_saved("there is a session, or there is none",
				    err);
	(void)pthread_rwlock_wrlock(&fs->session);
	fs_forget_all(fs);
	if (begun)
		r = load_session(fs, from, first, err);
	if (r < 0)
		fs_forget_all(fs);
	__atomic_store_n(&fs->begun, r == 0 && begun, __ATOMIC_RELEASE);
	(void)pthread_rwlock_unlock(&fs->session);
	return r;
}
