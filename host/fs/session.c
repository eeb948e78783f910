/* host/fs/session.c - a shared folder from its opening to its end. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/fs/fs.h"
#include "host/fs/op.h"
#include "mem/iov.h"

#define OLDEST_MINOR 31 /* Linux 5.4 */
#define NEWEST_MINOR 38

/* Descriptors that this process keeps for itself, at least. */
#define FILES_KEPT 256
#define FILES_LEAST 64
#define FILES_MOST (1u << 20)

/* Requests that the guest's kernel sends ahead: of reads, mostly. */
#define BACKGROUND_MAX 64
#define BACKGROUND_MANY 48

/* What is asked for where the guest has it. */
#define WANTED                                                                \
	(FUSE_ASYNC_READ | FUSE_ATOMIC_O_TRUNC | FUSE_BIG_WRITES |            \
	 FUSE_AUTO_INVAL_DATA | FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO | \
	 FUSE_ASYNC_DIO | FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES |             \
	 FUSE_CACHE_SYMLINKS | FUSE_SUBMOUNTS | FUSE_HANDLE_KILLPRIV_V2)

void fs_forget_all(struct fs *fs)
{
	fs_handles_clear(&fs->handles);
	fs_nodes_clear(&fs->nodes);
}

int fs_do_init(struct fs_op *op)
{
	const struct fuse_init_in *in = &op->arg.init;
	struct fuse_init_out *out = &op->reply.init;

	out->major = FUSE_KERNEL_VERSION;
	out->minor = in->minor < NEWEST_MINOR ? in->minor : NEWEST_MINOR;
	op->reply_len = sizeof(*out);
	if (in->major > FUSE_KERNEL_VERSION) {
		/* The guest asks again, for what is understood here. */
		out->minor = NEWEST_MINOR;
		return 0;
	}
	if (in->major < FUSE_KERNEL_VERSION || in->minor < OLDEST_MINOR)
		return -EPROTO;
	fs_forget_all(op->fs);
	out->max_readahead = in->max_readahead;
	out->flags = in->flags & (uint32_t)WANTED;
	out->max_background = BACKGROUND_MAX;
	out->congestion_threshold = BACKGROUND_MANY;
	out->max_write = FS_MAX_WRITE;
	out->time_gran = 1;
	out->max_pages = FS_MAX_PAGES;
	__atomic_store_n(&op->fs->begun, true, __ATOMIC_RELEASE);
	return 0;
}

int fs_do_destroy(struct fs_op *op)
{
	fs_disconnect(op->fs);
	fs_forget_all(op->fs);
	return 0;
}

int fs_do_forget(struct fs_op *op)
{
	fs_node_forget(&op->fs->nodes, op->head.nodeid, op->arg.forget.nlookup);
	return 0;
}

int fs_do_batch_forget(struct fs_op *op)
{
	const struct fs_message *msg = op->msg;
	const size_t left = op->head.len - op->rest;
	struct fuse_forget_one one;
	size_t count = left / sizeof(one);

	if (count > op->arg.batch_forget.count)
		count = op->arg.batch_forget.count;
	for (size_t i = 0; i < count; i++) {
		(void)iov_read(msg->in, msg->ins, op->rest + i * sizeof(one),
			       &one, sizeof(one));
		fs_node_forget(&op->fs->nodes, one.nodeid, one.nlookup);
	}
	return 0;
}

/* Nothing here waits for anybody but the host's storage, so there is nothing to
 * interrupt. The guest's kernel asks no more after this answer. */
int fs_do_interrupt(struct fs_op *op)
{
	(void)op;
	return -ENOSYS;
}

void fs_disconnect(struct fs *fs)
{
	__atomic_store_n(&fs->begun, false, __ATOMIC_RELEASE);
}

void fs_sweep(struct fs *fs)
{
	(void)pthread_rwlock_wrlock(&fs->session);
	if (!__atomic_load_n(&fs->begun, __ATOMIC_ACQUIRE))
		fs_forget_all(fs);
	(void)pthread_rwlock_unlock(&fs->session);
}

void fs_count(struct fs *fs, uint32_t *ret_nodes, uint32_t *ret_handles)
{
	/* Not while all are forgotten, for which no other lock is held. */
	(void)pthread_rwlock_rdlock(&fs->session);
	(void)pthread_mutex_lock(&fs->nodes.lock);
	*ret_nodes = fs->nodes.slots.count - 1; /* the root is ours */
	(void)pthread_mutex_unlock(&fs->nodes.lock);
	(void)pthread_mutex_lock(&fs->handles.lock);
	*ret_handles = fs->handles.slots.count;
	(void)pthread_mutex_unlock(&fs->handles.lock);
	(void)pthread_rwlock_unlock(&fs->session);
}

unsigned fs_raise_limit(unsigned shares)
{
	struct rlimit limit = { FILES_KEPT, FILES_KEPT };
	rlim_t files;

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		(void)getrlimit(RLIMIT_NOFILE, &limit);
	files = limit.rlim_cur > FILES_KEPT ? limit.rlim_cur - FILES_KEPT : 0;
	files /= shares > 0 ? shares : 1;
	if (files > FILES_MOST)
		return FILES_MOST;
	return files < FILES_LEAST ? FILES_LEAST : (unsigned)files;
}

static int try_openat2(int root)
{
	const int fd = fs_open_child(root, ".", O_PATH, 0);

	if (fd < 0)
		return fd;
	(void)close(fd);
	return 0;
}

/* Each way to a file is tried here, so that it is the user who is told if there
 * is none, and not the guest. */
static int check_fs_host(int root, const char *path, struct err *err)
{
	char name[FS_PATH_SIZE];
	const int r = try_openat2(root);
	int fd;

	if (r == -ENOSYS)
		return err_set(err, r,
			       "%s: a shared folder needs openat2(2), which "
			       "Linux has from 5.6 on",
			       path);
	if (r < 0) {
		errno = -r;
		return err_sys(err, "%s: openat2", path);
	}
	fs_path(root, name);
	fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "%s: %s", path,
			       errno == EACCES ? "read it" : name);
	(void)close(fd);
	return 0;
}

/* What opening a folder failed with is the user's to mend. */
static int open_root(int *ret, const char *path, struct err *err)
{
	int r;

	*ret = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*ret >= 0)
		return 0;
	if (errno == ENOTDIR)
		return err_input(err, -ENOTDIR, "%s: not a folder", path);
	r = err_sys(err, "%s", path);
	err->input = true;
	return r;
}

static mode_t read_umask(void)
{
	const mode_t mask = umask(0);

	(void)umask(mask);
	return mask;
}

int fs_open(struct fs **ret, const struct fs_options *opt, struct err *err)
{
	_cleanup_(fd_closep) int root = -1;
	_cleanup_(freep) struct fs *fs = calloc(1, sizeof(*fs));
	/* A quarter of the descriptors for what is open, the rest for what
	 * there is. */
	const unsigned handles = opt->files / 4;
	int r;

	if (!fs)
		return err_set(err, -ENOMEM, "%s: out of memory", opt->path);
	r = open_root(&root, opt->path, err);
	if (r == 0)
		r = check_fs_host(root, opt->path, err);
	if (r < 0)
		return r;
	fs->writable = opt->writable;
	fs->owners = opt->owners;
	fs->flat = opt->flat;
	fs->uid = geteuid();
	fs->gid = getegid();
	fs->umask = read_umask();
	(void)pthread_rwlock_init(&fs->session, NULL);
	fs_handles_init(&fs->handles, handles);
	r = fs_nodes_init(&fs->nodes, opt->files - handles, TAKE_FD(root));
	if (r < 0) {
		(void)fs_close(TAKE_PTR(fs));
		errno = -r;
		return err_sys(err, "%s", opt->path);
	}
	*ret = TAKE_PTR(fs);
	return 0;
}

struct fs *fs_close(struct fs *fs)
{
	if (!fs)
		return NULL;
	fs_handles_finish(&fs->handles);
	fs_nodes_finish(&fs->nodes);
	(void)pthread_rwlock_destroy(&fs->session);
	free(fs);
	return NULL;
}
