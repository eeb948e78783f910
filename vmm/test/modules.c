/* vmm/test/modules.c - the modules of a kernel that a guest needs early. */
#include "vmm/test/modules.h"

#include <errno.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "vmm/boot/decompress.h"
#include "vmm/boot/kernel_image.h"

#define LIST_MAX ((size_t)64 << 20)
#define FILE_MAX ((size_t)256 << 20)
#define KERNEL_MAX ((uint64_t)1 << 30)
#define PIECE ((size_t)1 << 20)
#define BANNER "Linux version "

/* Copies the word behind the banner, if all of it is there. */
static bool copy_version(const char *at, size_t len, char ret[MODULES_VERSION])
{
	size_t n = 0;

	while (n < len && n < MODULES_VERSION - 1 && at[n] > ' ' &&
	       at[n] < 0x7f && at[n] != '/' && at[n] != '%')
		n++;
	if (n == 0 || n == len || at[n] != ' ')
		return false;
	memcpy(ret, at, n);
	ret[n] = '\0';
	return true;
}

static bool find_version(const char *buf, size_t len, char ret[MODULES_VERSION])
{
	const size_t head = strlen(BANNER);
	const char *end = buf + len;
	const char *at = buf;

	while ((at = memmem(at, (size_t)(end - at), BANNER, head))) {
		at += head;
		if (copy_version(at, (size_t)(end - at), ret))
			return true;
	}
	return false;
}

static int search_kernel(const struct kernel_image *image,
			 char ret[MODULES_VERSION], struct err *err)
{
	const size_t tail = sizeof(BANNER) + MODULES_VERSION;
	_cleanup_(freep) char *buf = malloc(PIECE + tail);

	if (!buf)
		return err_set(err, -ENOMEM, "out of memory");
	for (uint64_t at = 0; at < image->size; at += PIECE) {
		const uint64_t left = image->size - at;
		const size_t len = left < PIECE + tail ? (size_t)left
						       : PIECE + tail;
		const int r = kernel_image_copy(image, at, buf, len, err);

		if (r < 0)
			return r;
		if (find_version(buf, len, ret))
			return 0;
	}
	return err_input(err, -ENOENT, "%s: tells no version of Linux",
			 image->path);
}

int modules_version(const char *path, char ret[MODULES_VERSION],
		    struct err *err)
{
	struct kernel_image image = { 0 };
	int r = kernel_image_open(&image, path, KERNEL_MAX, err);

	if (r < 0)
		return r;
	r = search_kernel(&image, ret, err);
	kernel_image_finish(&image);
	return r;
}

/* True if a path is that of a module: "a/b/virtio-blk.ko.xz", "virtio_blk". */
static bool is_module(const char *path, size_t len, const char *name)
{
	const char *base = memrchr(path, '/', len);
	const char *end = path + len;

	base = base ? base + 1 : path;
	for (; *name; name++, base++)
		if (base == end || (*base == '-' ? '_' : *base) !=
					   (*name == '-' ? '_' : *name))
			return false;
	return (size_t)(end - base) >= 3 && memcmp(base, ".ko", 3) == 0;
}

/* The line of a module in the list, or NULL. */
static const char *find_module(const char *list, const char *name)
{
	const char *line = list;

	while (*line) {
		const size_t len = strcspn(line, "\n");
		const char *colon = memchr(line, ':', len);

		if (colon && is_module(line, (size_t)(colon - line), name))
			return line;
		line += len;
		line += *line == '\n';
	}
	return NULL;
}

static int copy_bytes(const void *ctx, uint64_t offset, void *dst, size_t len,
		      struct err *err)
{
	const struct module_file *file = ctx;

	if (offset > file->size || len > file->size - offset)
		return err_set(err, -EBADMSG, "module ends early");
	memcpy(dst, file->data + offset, len);
	return 0;
}

/* Has the plain bytes take the place of the compressed ones. */
static void replace_data(struct module_file *file, uint8_t *data, size_t size)
{
	free(file->data);
	file->data = data;
	file->size = size;
}

static int unpack_module(struct module_file *file, const char *path,
			 enum decompress_method method, struct err *err)
{
	const struct decompress_source source = { .read = copy_bytes,
						  .ctx = file,
						  .path = path,
						  .size = file->size };
	uint8_t *data = NULL;
	uint64_t size = 0;
	const int r = decompress(&source, method, FILE_MAX, &data, &size, err);

	if (r == 0)
		replace_data(file, data, (size_t)size);
	return r;
}

/* The size is in the index at the end of an xz file, and is not trusted. */
static int unpack_xz(struct module_file *file, const char *path,
		     struct err *err)
{
	uint64_t memory = FILE_MAX;
	size_t room = (size_t)64 * 1024, in, out;
	lzma_ret r = LZMA_BUF_ERROR;
	uint8_t *data = NULL;

	for (; r == LZMA_BUF_ERROR && room <= FILE_MAX; room *= 4) {
		free(data);
		data = malloc(room);
		if (!data)
			return err_set(err, -ENOMEM, "%s: out of memory", path);
		in = out = 0;
		r = lzma_stream_buffer_decode(&memory, 0, NULL, file->data, &in,
					      file->size, data, &out, room);
	}
	if (r != LZMA_OK) {
		free(data);
		return err_input(err, -EBADMSG, "%s: is damaged, or too large",
				 path);
	}
	replace_data(file, data, out);
	return 0;
}

static int unpack_file(struct module_file *file, const char *path,
		       struct err *err)
{
	static const uint8_t elf[] = "\177ELF", xz[] = "\3757zXZ",
			     gzip[] = { 0x1f, 0x8b },
			     zstd[] = { 0x28, 0xb5, 0x2f, 0xfd };

	if (file->size > 6 && memcmp(file->data, elf, 4) == 0)
		return 0;
	if (file->size > 6 && memcmp(file->data, xz, 6) == 0)
		return unpack_xz(file, path, err);
	if (file->size > 6 && memcmp(file->data, gzip, sizeof(gzip)) == 0)
		return unpack_module(file, path, DECOMPRESS_GZIP, err);
	if (file->size > 6 && memcmp(file->data, zstd, sizeof(zstd)) == 0)
		return unpack_module(file, path, DECOMPRESS_ZSTD, err);
	return err_input(err, -ENOTSUP,
			 "%s: neither a module nor one by gzip, xz or zstd",
			 path);
}

/* Adds the module of a path that is @len bytes long, once. */
static int add_module(struct modules *modules, const char *dir,
		      const char *path, size_t len, struct err *err)
{
	struct module_file *file = &modules->file[modules->count];
	const char *base = memrchr(path, '/', len);
	_cleanup_(freep) char *whole = NULL;
	int r;

	base = base ? base + 1 : path;
	if (modules->count == MODULES_MAX)
		return err_input(err, -ENOSPC, "%s: more than %d modules", dir,
				 MODULES_MAX);
	*file = (struct module_file){ 0 };
	if (asprintf(&whole, "%s/%.*s", dir, (int)len, path) < 0) {
		whole = NULL;
		return err_set(err, -ENOMEM, "out of memory");
	}
	file->name = strndup(base, (size_t)(path + len - base));
	if (!file->name)
		return err_set(err, -ENOMEM, "out of memory");
	file->name[strcspn(file->name, ".")] = '\0';
	for (size_t i = 0; i < modules->count; i++) {
		if (strcmp(modules->file[i].name, file->name) == 0) {
			free(file->name);
			file->name = NULL;
			return 0;
		}
	}
	modules->count++;
	r = file_read_all(whole, FILE_MAX, &file->data, &file->size, err);
	return r == 0 ? unpack_file(file, whole, err) : r;
}

/* "PATH: NEEDS THIS AND-THIS-FIRST" */
static int add_line(struct modules *modules, const char *dir, const char *line,
		    struct err *err)
{
	const size_t len = strcspn(line, "\n");
	const char *colon = memchr(line, ':', len);
	const char *end = line + len;
	int r = 0;

	while (r == 0 && end > colon + 1) {
		const char *start = end;

		while (start > colon + 1 && start[-1] != ' ')
			start--;
		if (start < end)
			r = add_module(modules, dir, start,
				       (size_t)(end - start), err);
		end = start > colon + 1 ? start - 1 : start;
	}
	return r == 0 ? add_module(modules, dir, line, (size_t)(colon - line),
				   err)
		      : r;
}

int modules_read(struct modules *ret, const char *dir, const char *const *names,
		 struct err *err)
{
	_cleanup_(freep) char *path = NULL;
	_cleanup_(freep) uint8_t *list = NULL;
	size_t size;
	int r;

	*ret = (struct modules){ 0 };
	if (asprintf(&path, "%s/modules.dep", dir) < 0) {
		path = NULL;
		return err_set(err, -ENOMEM, "out of memory");
	}
	r = file_read_all(path, LIST_MAX, &list, &size, err);
	for (; r == 0 && *names; names++) {
		const char *line = find_module((const char *)list, *names);

		if (line)
			r = add_line(ret, dir, line, err);
	}
	return r;
}

void modules_finish(struct modules *modules)
{
	for (size_t i = 0; i < modules->count; i++) {
		free(modules->file[i].name);
		free(modules->file[i].data);
	}
	modules->count = 0;
}
