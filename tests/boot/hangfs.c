/*
 * tests/boot/hangfs.c - a file system that stops answering.
 *
 * Usage: hangfs FOLDER. Mounts a file system of FUSE there, in which is one
 * file, "disk", of 16 MiB. It keeps nothing that is written. Once it has got
 * SIGUSR1 it answers nothing any more; a process that waits for it can be
 * killed. Source: Linux, include/uapi/linux/fuse.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define DISK 2 /* its node */
#define SIZE (UINT64_C(16) << 20)
#define MAX_WRITE 65536

static union {
	struct fuse_in_header head;
	uint8_t bytes[sizeof(struct fuse_in_header) +
		      sizeof(struct fuse_write_in) + MAX_WRITE];
} request;
static uint8_t zeroes[1 << 20];

static void hang(int signal)
{
	(void)signal;
	for (;;)
		(void)pause();
}

static void answer(int fuse, int error, const void *data, size_t len)
{
	const struct fuse_out_header head = {
		.len = (uint32_t)(sizeof(head) + len),
		.error = -error,
		.unique = request.head.unique,
	};
	/* writev(2) leaves it alone. */
	const struct iovec iov[] = {
		{ .iov_base = (void *)(uintptr_t)&head,
		  .iov_len = sizeof(head) },
		{ .iov_base = (void *)(uintptr_t)data, .iov_len = len },
	};

	(void)!writev(fuse, iov, 2);
}

static struct fuse_attr attributes(uint64_t node)
{
	return (struct fuse_attr){
		.ino = node,
		.size = node == DISK ? SIZE : 0,
		.mode = node == DISK ? S_IFREG | 0600 : S_IFDIR | 0700,
		.nlink = 1,
		.blksize = 4096,
	};
}

static void look_up(int fuse, const char *name)
{
	const struct fuse_entry_out entry = {
		.nodeid = DISK,
		.attr = attributes(DISK),
	};

	if (strcmp(name, "disk") == 0)
		answer(fuse, 0, &entry, sizeof(entry));
	else
		answer(fuse, ENOENT, NULL, 0);
}

static void read_disk(int fuse, const struct fuse_read_in *in)
{
	const uint64_t there = in->offset < SIZE ? SIZE - in->offset : 0;
	const size_t len = in->size < there ? in->size : (size_t)there;

	answer(fuse, 0, zeroes, len < sizeof(zeroes) ? len : sizeof(zeroes));
}

static void serve(int fuse)
{
	const void *arg = &request.head + 1;
	const struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION,
					    .minor = FUSE_KERNEL_MINOR_VERSION,
					    .max_write = MAX_WRITE };
	const struct fuse_attr_out attr = {
		.attr = attributes(request.head.nodeid),
	};
	/* Linux waits for a flush even where the process is killed. */
	const struct fuse_open_out opened = {
		.open_flags = FOPEN_DIRECT_IO | FOPEN_NOFLUSH,
	};
	const struct fuse_write_out written = {
		.size = ((const struct fuse_write_in *)arg)->size,
	};

	switch (request.head.opcode) {
	case FUSE_INIT:
		return answer(fuse, 0, &init, sizeof(init));
	case FUSE_LOOKUP:
		return look_up(fuse, arg);
	case FUSE_GETATTR:
		return answer(fuse, 0, &attr, sizeof(attr));
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		return answer(fuse, 0, &opened, sizeof(opened));
	case FUSE_READ:
		return read_disk(fuse, arg);
	case FUSE_WRITE:
		return answer(fuse, 0, &written, sizeof(written));
	case FUSE_FLUSH:
	case FUSE_FSYNC:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
		return answer(fuse, 0, NULL, 0);
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
		return;
	default:
		return answer(fuse, ENOSYS, NULL, 0);
	}
}

int main(int argc, char *argv[])
{
	const int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char options[64];

	(void)snprintf(options, sizeof(options),
		       "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
	if (argc != 2 || fuse < 0 || signal(SIGUSR1, hang) == SIG_ERR ||
	    mount("hangfs", argv[1], "fuse", 0, options) < 0) {
		perror("hangfs");
		return 1;
	}
	/* The mount is there: what it is for may begin. The server stays in its
	 * session, so that it ends with that. */
	if (fork() != 0)
		return 0;
	while (read(fuse, request.bytes, sizeof(request.bytes)) > 0)
		serve(fuse);
	return 0;
}
