/* vmm/test/cpio.c - writes an archive that Linux takes as an initramfs. */
#include "vmm/test/cpio.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD 110 /* bytes */
#define TRAILER "TRAILER!!!"

/* Source: Linux, Documentation/driver-api/early-userspace/buffer-format.rst. */
struct entry {
	const char *name;
	unsigned mode, major, minor;
	const void *data;
	size_t size;
};

void cpio_begin(struct cpio *ret, int fd, struct err *err)
{
	*ret = (struct cpio){ .fd = fd, .err = err };
}

static void put_bytes(struct cpio *cpio, const void *data, size_t size)
{
	const char *at = data;

	while (cpio->err->code == 0 && size > 0) {
		const ssize_t n = write(cpio->fd, at, size);

		if (n > 0) {
			at += n;
			size -= (size_t)n;
			cpio->size += (uint64_t)n;
		} else if (n == 0 || errno != EINTR) {
			(void)err_sys(cpio->err, "initramfs");
		}
	}
}

static void put_padding(struct cpio *cpio)
{
	put_bytes(cpio, "\0\0\0", (size_t)(-cpio->size & 3));
}

static void put_entry(struct cpio *cpio, const struct entry *entry)
{
	const unsigned length = (unsigned)strlen(entry->name) + 1;
	char head[HEAD + 1];

	if (entry->size > UINT32_MAX) {
		if (cpio->err->code == 0)
			(void)err_set(cpio->err, -EFBIG,
				      "initramfs: %s is too large",
				      entry->name);
		return;
	}
	(void)snprintf(head, sizeof(head),
		       "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x"
		       "%08x",
		       ++cpio->files, entry->mode, 0u, 0u, 1u, 0u,
		       (unsigned)entry->size, 0u, 0u, entry->major,
		       entry->minor, length, 0u);
	put_bytes(cpio, head, HEAD);
	put_bytes(cpio, entry->name, length);
	put_padding(cpio);
	put_bytes(cpio, entry->data, entry->size);
	put_padding(cpio);
}

void cpio_folder(struct cpio *cpio, const char *name, unsigned mode)
{
	put_entry(cpio,
		  &(struct entry){ .name = name, .mode = S_IFDIR | mode });
}

void cpio_file(struct cpio *cpio, const char *name, unsigned mode,
	       const void *data, size_t size)
{
	put_entry(cpio, &(struct entry){ .name = name,
					 .mode = S_IFREG | mode,
					 .data = data,
					 .size = size });
}

void cpio_device(struct cpio *cpio, const char *name, unsigned mode,
		 unsigned major, unsigned minor)
{
	put_entry(cpio, &(struct entry){ .name = name,
					 .mode = S_IFCHR | mode,
					 .major = major,
					 .minor = minor });
}

int cpio_end(struct cpio *cpio)
{
	put_entry(cpio, &(struct entry){ .name = TRAILER });
	return cpio->err->code;
}
