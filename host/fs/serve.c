/* host/fs/serve.c - a request's form, its opcode's function, and the reply. */
#include <errno.h>
#include <string.h>

#include "host/fs/fs.h"
#include "host/fs/op.h"
#include "mem/iov.h"

/* A request is at most a write of the largest size. */
#define REQUEST_MAX                                                     \
	(sizeof(struct fuse_in_header) + sizeof(struct fuse_write_in) + \
	 (size_t)FS_MAX_WRITE)

enum form {
	CHANGES = 1, /* refused in a folder that is shared read-only */
	SILENT = 2, /* has no reply */
	FREE = 4, /* needs no node, and no session that has begun */
	ALONE = 8, /* no other request is at work meanwhile */
};

struct call {
	int (*run)(struct fs_op *op);
	uint16_t arg; /* bytes of the fixed part that has to be there */
	uint16_t reply; /* bytes that the reply has at least */
	uint8_t strings; /* behind the fixed part */
	uint8_t names; /* of them: names of files in a folder */
	uint8_t form; /* enum form, or'ed */
};

#define ARG(member) .arg = sizeof(((union fs_arg *)0)->member)
#define REPLY(member) .reply = sizeof(((union fs_reply *)0)->member)

// clang-format off
static const struct call calls[] = {
	[FUSE_LOOKUP] = { fs_do_lookup, .strings = 1, .names = 1,
			  REPLY(entry) },
	[FUSE_FORGET] = { fs_do_forget, ARG(forget), .form = SILENT | FREE },
	[FUSE_GETATTR] = { fs_do_getattr, ARG(getattr), REPLY(attr) },
	[FUSE_SETATTR] = { fs_do_setattr, ARG(setattr), REPLY(attr),
			   .form = CHANGES },
	[FUSE_READLINK] = { .run = fs_do_readlink },
	[FUSE_SYMLINK] = { fs_do_symlink, .strings = 2, .names = 1,
			   REPLY(entry), .form = CHANGES },
	[FUSE_MKNOD] = { fs_do_mknod, ARG(mknod), .strings = 1, .names = 1,
			 REPLY(entry), .form = CHANGES },
	[FUSE_MKDIR] = { fs_do_mkdir, ARG(mkdir), .strings = 1, .names = 1,
			 REPLY(entry), .form = CHANGES },
	[FUSE_UNLINK] = { fs_do_unlink, .strings = 1, .names = 1,
			  .form = CHANGES },
	[FUSE_RMDIR] = { fs_do_rmdir, .strings = 1, .names = 1,
			 .form = CHANGES },
	[FUSE_RENAME] = { fs_do_rename, ARG(rename), .strings = 2, .names = 2,
			  .form = CHANGES },
	[FUSE_LINK] = { fs_do_link, ARG(link), .strings = 1, .names = 1,
			REPLY(entry), .form = CHANGES },
	[FUSE_OPEN] = { fs_do_open, ARG(open), REPLY(open) },
	[FUSE_READ] = { fs_do_read, ARG(read) },
	[FUSE_WRITE] = { fs_do_write, ARG(write), REPLY(write),
			 .form = CHANGES },
	[FUSE_STATFS] = { fs_do_statfs, REPLY(statfs) },
	[FUSE_RELEASE] = { fs_do_release, ARG(release) },
	[FUSE_FSYNC] = { fs_do_fsync, ARG(fsync) },
	[FUSE_SETXATTR] = { fs_do_setxattr, .arg = FUSE_COMPAT_SETXATTR_IN_SIZE,
			    .strings = 1, .form = CHANGES },
	[FUSE_GETXATTR] = { fs_do_getxattr, ARG(getxattr), .strings = 1 },
	[FUSE_LISTXATTR] = { fs_do_listxattr, ARG(getxattr) },
	[FUSE_REMOVEXATTR] = { fs_do_removexattr, .strings = 1,
			       .form = CHANGES },
	[FUSE_FLUSH] = { fs_do_flush, ARG(flush) },
	[FUSE_INIT] = { fs_do_init, .arg = 16, REPLY(init),
			.form = FREE | ALONE },
	[FUSE_OPENDIR] = { fs_do_opendir, ARG(open), REPLY(open) },
	[FUSE_READDIR] = { fs_do_readdir, ARG(read) },
	[FUSE_RELEASEDIR] = { fs_do_releasedir, ARG(release) },
	[FUSE_FSYNCDIR] = { fs_do_fsyncdir, ARG(fsync) },
	[FUSE_CREATE] = { fs_do_create, ARG(create), .strings = 1, .names = 1,
			  REPLY(created), .form = CHANGES },
	[FUSE_INTERRUPT] = { fs_do_interrupt, .form = FREE },
	[FUSE_DESTROY] = { fs_do_destroy, .form = FREE | ALONE },
	[FUSE_BATCH_FORGET] = { fs_do_batch_forget, ARG(batch_forget),
				.form = SILENT | FREE },
	[FUSE_FALLOCATE] = { fs_do_fallocate, ARG(fallocate),
			     .form = CHANGES },
	[FUSE_READDIRPLUS] = { fs_do_readdirplus, ARG(read) },
	[FUSE_RENAME2] = { fs_do_rename2, ARG(rename2), .strings = 2,
			   .names = 2, .form = CHANGES },
	[FUSE_LSEEK] = { fs_do_lseek, ARG(lseek), REPLY(lseek) },
	[FUSE_COPY_FILE_RANGE] = { fs_do_copy_file_range, ARG(copy),
				   REPLY(write), .form = CHANGES },
	[FUSE_SYNCFS] = { .run = fs_do_syncfs },
	[FUSE_TMPFILE] = { fs_do_tmpfile, ARG(create), REPLY(created),
			   .form = CHANGES },
};
// clang-format on

static const struct call *find_call(uint32_t opcode)
{
	if (opcode >= sizeof(calls) / sizeof(calls[0]) || !calls[opcode].run)
		return NULL;
	return &calls[opcode];
}

/* Reads a part of the request. Returns how many bytes there were. */
static size_t take_bytes(struct fs_op *op, size_t offset, void *buf, size_t len)
{
	const struct fs_message *msg = op->msg;

	return iov_read(msg->in, msg->ins, offset, buf, len);
}

size_t fs_put(struct fs_op *op, size_t offset, const void *buf, size_t len)
{
	return iov_write(op->msg->out, op->msg->outs, FS_REPLY_DATA + offset,
			 buf, len);
}

/* A name that can be in a folder. */
static int check_name(const char *name)
{
	const size_t len = strlen(name);

	if (len > FS_NAME_MAX)
		return -ENAMETOOLONG;
	if (len == 0 || strchr(name, '/') || !strcmp(name, ".") ||
	    !strcmp(name, ".."))
		return -EINVAL;
	return 0;
}

/* Copies the strings behind the fixed part, and finds their ends. */
static int take_strings(struct fs_op *op, const struct call *call)
{
	size_t left = op->head.len - op->rest;
	const char *at = op->strings;
	int r = 0;

	if (left > FS_STRINGS_MAX)
		left = FS_STRINGS_MAX;
	left = take_bytes(op, op->rest, op->strings, left);
	for (unsigned i = 0; r == 0 && i < call->strings; i++) {
		const char *end = memchr(at, 0, left);
		const size_t len = end ? (size_t)(end - at) + 1 : 0;

		if (!end)
			return left == FS_STRINGS_MAX ? -ENAMETOOLONG : -EINVAL;
		op->name[i] = at;
		if (i < call->names)
			r = check_name(at);
		at += len;
		left -= len;
		op->rest += len;
	}
	return r;
}

/* Checks a request's form, and takes it apart. */
static int take_request(struct fs_op *op, const struct call *call)
{
	const size_t behind = op->head.len - sizeof(op->head);
	const size_t arg = behind < sizeof(op->arg) ? behind : sizeof(op->arg);

	if (behind < call->arg)
		return -EINVAL;
	if (!(call->form & SILENT) && op->room < call->reply)
		return -EINVAL;
	if (call->form & CHANGES && !op->fs->writable)
		return -EROFS;
	/* INIT has grown, and has no strings. */
	(void)take_bytes(op, sizeof(op->head), &op->arg,
			 call->run == fs_do_init ? arg : call->arg);
	op->rest = sizeof(op->head) + call->arg;
	return call->strings ? take_strings(op, call) : 0;
}

static int run_call(struct fs_op *op, const struct call *call)
{
	int r;

	if (!(call->form & FREE)) {
		if (!__atomic_load_n(&op->fs->begun, __ATOMIC_ACQUIRE))
			return -ENOTCONN;
		op->node = fs_node_get(&op->fs->nodes, op->head.nodeid);
		if (!op->node)
			return -ESTALE;
	}
	r = call->run(op);
	fs_node_put(&op->fs->nodes, op->node);
	return r;
}

static int serve_call(struct fs_op *op, const struct call *call)
{
	pthread_rwlock_t *lock = &op->fs->session;
	int r = take_request(op, call);

	if (r < 0)
		return r;
	if (call->form & ALONE)
		(void)pthread_rwlock_wrlock(lock);
	else
		(void)pthread_rwlock_rdlock(lock);
	r = run_call(op, call);
	(void)pthread_rwlock_unlock(lock);
	return r;
}

/* The process has no more descriptors: that is ours to tell the user. */
static int tell_crowded(struct fs *fs)
{
	if (!__atomic_exchange_n(&fs->crowded, true, __ATOMIC_RELAXED))
		log_warn("--share: no more files can be open at once; "
			 "'ulimit -n' sets how many may");
	return -ENFILE;
}

static void write_reply(struct fs_op *op, int error)
{
	struct fs_message *msg = op->msg;
	struct fuse_out_header head = { .unique = op->head.unique };
	const size_t reply = error ? 0 : op->reply_len;
	const size_t len = sizeof(head) + reply + (error ? 0 : op->data);

	head.len = (uint32_t)len;
	head.error = error;
	(void)fs_put(op, 0, &op->reply, reply);
	(void)iov_write(msg->out, msg->outs, 0, &head, sizeof(head));
	msg->written = len;
	if (msg->touched < len)
		msg->touched = len;
}

static void refuse_form(struct fs_op *op, const char *why)
{
	log_guest(&op->fs->guest_errors, "shared folder: %s", why);
}

/* Returns NULL, or what is wrong: a request that cannot even be answered. */
static const char *take_head(struct fs_op *op)
{
	struct fs_message *msg = op->msg;
	const size_t have = iov_length(msg->in, msg->ins);
	const size_t room = iov_length(msg->out, msg->outs);

	if (take_bytes(op, 0, &op->head, sizeof(op->head)) < sizeof(op->head))
		return "request too short";
	msg->read = op->head.len < have ? op->head.len : have;
	if (msg->read < sizeof(op->head))
		msg->read = sizeof(op->head);
	op->room = room > FS_REPLY_DATA ? room - FS_REPLY_DATA : 0;
	if (op->head.len < sizeof(op->head) || op->head.len > have ||
	    op->head.len > REQUEST_MAX)
		return "request of a wrong length";
	return NULL;
}

void fs_serve(struct fs *fs, struct fs_message *msg)
{
	char strings[FS_STRINGS_MAX];
	struct fs_op op = { .fs = fs, .msg = msg, .strings = strings };
	const char *why;
	const struct call *call;
	bool silent;
	int r;

	msg->read = msg->touched = msg->written = 0;
	msg->fault = false;
	why = take_head(&op);
	if (why)
		refuse_form(&op, why);
	if (why && msg->read == 0)
		return;
	call = find_call(op.head.opcode);
	silent = call && call->form & SILENT;
	if (!silent && iov_length(msg->out, msg->outs) < FS_REPLY_DATA) {
		refuse_form(&op, "no room for the reply");
		return;
	}
	if (why)
		r = -EINVAL;
	else
		r = call ? serve_call(&op, call) : -ENOSYS;
	if (r == -EMFILE)
		r = tell_crowded(fs);
	if (r == -ENFILE)
		(void)tell_crowded(fs);
	if (!silent)
		write_reply(&op, r);
}
