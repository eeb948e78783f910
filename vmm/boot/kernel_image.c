/* vmm/boot/kernel_image.c - opens a kernel file and unwraps it. */
#include "vmm/boot/kernel_image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "vmm/boot/decompress.h"
#include "vmm/boot/foreign.h"

/* A gzip of a zboot of an image, and there it ends. */
#define MAX_WRAPPINGS 2

/* EFI zboot. Source: zboot-header.S. */
enum {
	ZBOOT_TYPE = 4, /* "zimg" */
	ZBOOT_PAYLOAD = 8,
	ZBOOT_PAYLOAD_SIZE = 12,
	ZBOOT_METHOD = 24,
	ZBOOT_PE_MAGIC = 56, /* ends the method's name */
	ZBOOT_HEAD = 64,
};

/* The container of a kernel. */
struct wrapping {
	enum decompress_method method;
	uint64_t offset; /* of the compressed bytes */
	uint64_t size;
};

static bool begins_with(const uint8_t *head, size_t len, const char *magic,
			size_t magic_len)
{
	return len >= magic_len && memcmp(head, magic, magic_len) == 0;
}

static int parse_zboot(const struct kernel_image *image, const uint8_t *head,
		       struct wrapping *ret, struct err *err)
{
	char method[ZBOOT_PE_MAGIC - ZBOOT_METHOD + 1] = "";

	ret->offset = load_le32(head + ZBOOT_PAYLOAD);
	ret->size = load_le32(head + ZBOOT_PAYLOAD_SIZE);
	if (ret->offset > image->size || ret->size > image->size - ret->offset)
		return err_input(
			err, -EBADMSG,
			"kernel %s: EFI zboot payload of %" PRIu64
			" bytes at %" PRIu64 " ends beyond the file's %" PRIu64,
			image->path, ret->size, ret->offset, image->size);

	memcpy(method, head + ZBOOT_METHOD, sizeof(method) - 1);
	if (strcmp(method, "gzip") == 0)
		ret->method = DECOMPRESS_GZIP;
	else if (strcmp(method, "zstd") == 0 || strcmp(method, "zstd22") == 0)
		ret->method = DECOMPRESS_ZSTD;
	else
		return err_input(err, -ENOTSUP,
				 "kernel %s: EFI zboot compressed in another "
				 "way than gzip or zstd",
				 image->path);
	return 1;
}

/* Run as flat code, such a file would hang in silence. */
static int refuse_foreign(const struct kernel_image *image, const uint8_t *head,
			  size_t len, struct err *err)
{
	const char *name = foreign_compression(head, len);

	if (name)
		return err_input(err, -ENOTSUP,
				 "kernel %s: compressed with %s; known are "
				 "gzip and zstd",
				 image->path, name);
	name = foreign_name(head, len);
	if (name)
		return err_input(err, -ENOTSUP, "kernel %s: it is %s",
				 image->path, name);
	return 0;
}

/* Returns 1 with what the image is wrapped in, 0 if it is not, or -errno. */
static int find_wrapping(const struct kernel_image *image, const uint8_t *head,
			 size_t len, struct wrapping *ret, struct err *err)
{
	*ret = (struct wrapping){ .size = image->size };
	if (begins_with(head, len, "\x1f\x8b", 2)) {
		ret->method = DECOMPRESS_GZIP;
		return 1;
	}
	if (begins_with(head, len, "\x28\xb5\x2f\xfd", 4)) {
		ret->method = DECOMPRESS_ZSTD;
		return 1;
	}
	if (len >= ZBOOT_HEAD && begins_with(head, len, "MZ", 2) &&
	    begins_with(head + ZBOOT_TYPE, len - ZBOOT_TYPE, "zimg", 4))
		return parse_zboot(image, head, ret, err);
	return refuse_foreign(image, head, len, err);
}

static int read_wrapped(const void *image, uint64_t offset, void *dst,
			size_t len, struct err *err)
{
	return kernel_image_copy(image, offset, dst, len, err);
}

/* Replaces the image by what its wrapping holds. */
static int unwrap_image(struct kernel_image *image,
			const struct wrapping *wrapping, uint64_t limit,
			struct err *err)
{
	const struct decompress_source source = {
		.read = read_wrapped,
		.ctx = image,
		.path = image->path,
		.offset = wrapping->offset,
		.size = wrapping->size,
	};
	uint8_t *data;
	uint64_t size;
	int r;

	r = decompress(&source, wrapping->method, limit, &data, &size, err);
	if (r < 0)
		return r;
	fd_closep(&image->fd);
	free(image->data);
	image->fd = -1;
	image->data = data;
	image->size = size;
	return 0;
}

static int unwrap_all(struct kernel_image *image, uint64_t limit,
		      struct err *err)
{
	uint8_t head[FOREIGN_HEAD];

	for (unsigned i = 0;; i++) {
		const size_t len = image->size < sizeof(head)
					 ? (size_t)image->size
					 : sizeof(head);
		struct wrapping wrapping;
		int r;

		r = kernel_image_copy(image, 0, head, len, err);
		if (r < 0)
			return r;
		r = find_wrapping(image, head, len, &wrapping, err);
		if (r < 0)
			return r;
		if (r == 0) {
			if (begins_with(head, len, "\177ELF", 4))
				image->format = KERNEL_ELF;
			return 0;
		}
		if (i == MAX_WRAPPINGS)
			return err_input(err, -EBADMSG,
					 "kernel %s: compressed more than "
					 "twice",
					 image->path);
		r = unwrap_image(image, &wrapping, limit, err);
		if (r < 0)
			return r;
	}
}

int kernel_image_open_raw(struct kernel_image *ret, const char *path,
			  struct err *err)
{
	struct file file;
	int r;

	r = file_open(&file, path, O_RDONLY, FILE_NOT_EMPTY, err);
	if (r < 0)
		return r;
	*ret = (struct kernel_image){ .format = KERNEL_FLAT,
				      .path = path,
				      .fd = file.fd,
				      .size = file.size };
	return 0;
}

int kernel_image_open(struct kernel_image *ret, const char *path,
		      uint64_t limit, struct err *err)
{
	_cleanup_(kernel_image_finish) struct kernel_image image = { .fd = -1 };
	struct err cause = { 0 };
	int r;

	r = kernel_image_open_raw(&image, path, &cause);
	if (r < 0) {
		(void)err_set(err, r, "Unable to open kernel %s", cause.msg);
		err->input = cause.input;
		return r;
	}
	r = unwrap_all(&image, limit, err);
	if (r < 0)
		return r;
	*ret = image;
	image = (struct kernel_image){ .fd = -1 };
	return 0;
}

int kernel_image_copy(const struct kernel_image *image, uint64_t offset,
		      void *dst, size_t len, struct err *err)
{
	int r = 0;

	if (offset > image->size || len > image->size - offset)
		r = -ENODATA;
	else if (image->data)
		memcpy(dst, image->data + offset, len);
	else
		r = file_read_at(image->fd, dst, len, offset);
	if (r == -ENODATA)
		return err_input(err, -EBADMSG,
				 "kernel %s: truncated: it should have %zu "
				 "bytes at %" PRIu64,
				 image->path, len, offset);
	if (r < 0)
		return err_set(err, r, "kernel %s: %s", image->path,
			       strerrordesc_np(-r));
	return 0;
}

void kernel_image_finish(struct kernel_image *image)
{
	/* A zeroed one has descriptor 0, which is not its own. */
	if (image->path)
		fd_closep(&image->fd);
	free(image->data);
	*image = (struct kernel_image){ .fd = -1 };
}
