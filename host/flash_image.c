/* host/flash_image.c - the file that holds what a flash remembers. */
#include "host/flash_image.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/size.h"

/* Errors of open(2) that leave hope for a file that is only read. */
static bool not_writable(int code)
{
	return code == -EACCES || code == -EPERM || code == -EROFS ||
	       code == -ETXTBSY;
}

static int open_flash_file(struct file *ret, const char *path, bool *ro,
			   struct err *err)
{
	const unsigned want = FILE_REGULAR | FILE_NOT_EMPTY;
	struct err first;
	int r;

	if (*ro)
		return file_open(ret, path, O_RDONLY, want, err);
	r = file_open(ret, path, O_RDWR, want, err);
	if (!not_writable(r))
		return r;
	first = *err;
	if (file_open(ret, path, O_RDONLY, want, err) < 0) {
		*err = first;
		return r;
	}
	log_warn("%s; the guest cannot write this flash (\",ro\" says that it "
		 "need not)",
		 first.msg);
	*err = (struct err){ 0 };
	*ro = true;
	return 0;
}

static int check_flash_size(const char *path, uint64_t size, uint64_t max,
			    struct err *err)
{
	char is[SIZE_TEXT], low[SIZE_TEXT], high[SIZE_TEXT];

	if (is_pow2(size) && size >= FLASH_BLOCK && size <= max)
		return 0;
	return err_input(err, -EINVAL,
			 "%s: its size is %s; that of a flash is a power of "
			 "two, %s to %s",
			 path, size_format(is, size),
			 size_format(low, FLASH_BLOCK), size_format(high, max));
}

int flash_image_open(struct flash_image *ret, const char *path, bool ro,
		     bool lock, uint64_t max, struct err *err)
{
	_cleanup_(fd_closep) int fd = -1;
	struct file file = { .fd = -1 };
	int r = open_flash_file(&file, path, &ro, err);

	if (r < 0)
		return r;
	fd = file.fd;
	r = check_flash_size(path, file.size, max, err);
	if (r == 0 && lock)
		r = file_lock(fd, path, !ro, err);
	if (r < 0)
		return r;
	*ret = (struct flash_image){
		.path = path, .fd = TAKE_FD(fd), .size = file.size, .ro = ro
	};
	return 0;
}

void flash_image_finish(struct flash_image *image)
{
	/* A zeroed one has descriptor 0, which is not its own. */
	if (image->path)
		fd_closep(&image->fd);
	*image = (struct flash_image){ .fd = -1 };
}

static int report_flash_error(struct flash_image *image, const char *what,
			      int r)
{
	if (r == 0 || image->failed)
		return r;
	image->failed = true;
	log_warn("flash %s: %s: %s", image->path, what,
		 r == -ENODATA ? "the file was cut short"
			       : strerrordesc_np(-r));
	return r;
}

static bool is_inside_image(const struct flash_image *image, uint64_t offset,
			    size_t len)
{
	return offset <= image->size && len <= image->size - offset;
}

int flash_image_read(struct flash_image *image, uint64_t offset, void *buf,
		     size_t len)
{
	assert(is_inside_image(image, offset, len));
	return report_flash_error(image, "read",
				  file_read_at(image->fd, buf, len, offset));
}

static int write_flash(struct flash_image *image, uint64_t offset,
		       const void *buf, size_t len)
{
	image->unsynced = true;
	return report_flash_error(image, "write",
				  file_write_at(image->fd, buf, len, offset));
}

int flash_image_program(struct flash_image *image, uint64_t offset,
			const void *bits, size_t len)
{
	const uint8_t *want = bits;
	uint8_t cell[FLASH_PROGRAM_MAX];
	bool changes = false;
	int r;

	assert(len <= sizeof(cell));
	if (image->ro)
		return -EROFS;
	r = flash_image_read(image, offset, cell, len);
	if (r < 0)
		return r;
	for (size_t i = 0; i < len; i++) {
		changes |= (cell[i] & ~want[i]) != 0;
		cell[i] &= want[i];
	}
	return changes ? write_flash(image, offset, cell, len) : 0;
}

int flash_image_erase(struct flash_image *image, uint64_t offset)
{
	uint8_t ones[4096];
	int r = 0;

	assert(is_inside_image(image, offset, FLASH_BLOCK) &&
	       is_aligned(offset, FLASH_BLOCK));
	if (image->ro)
		return -EROFS;
	memset(ones, 0xff, sizeof(ones));
	for (size_t at = 0; r == 0 && at < FLASH_BLOCK; at += sizeof(ones))
		r = write_flash(image, offset + at, ones, sizeof(ones));
	return r;
}

int flash_image_sync(struct flash_image *image)
{
	int r;

	if (!image->unsynced)
		return 0;
	do
		r = fdatasync(image->fd);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return report_flash_error(image, "sync", -errno);
	image->unsynced = false;
	return 0;
}
