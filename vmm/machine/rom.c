/* vmm/machine/rom.c - --rom: a file that the guest reads and executes, not
 * writes. */
#include "vmm/machine/rom.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/size.h"

/* Where @size bytes go, in whole pages. */
static int place_rom(const struct rom_spec *spec, uint64_t size, uint64_t page,
		     struct range *ret, struct err *err)
{
	char text[SIZE_TEXT];

	if (size > ROM_SIZE_MAX)
		return err_input(err, -EFBIG, "larger than %s",
				 size_format(text, ROM_SIZE_MAX));
	if (!is_aligned(spec->at, page))
		return err_input(err, -EINVAL,
				 "0x%" PRIx64 " is not a multiple of this "
				 "host's pages of %s",
				 spec->at, size_format(text, page));
	*ret = (struct range){ .start = spec->at };
	(void)align_up(size, page, &ret->size);
	if (!range_valid(*ret))
		return err_input(err, -ERANGE, "ends beyond the last address");
	return 0;
}

static int fill_rom(const struct backing *backing, const struct rom_spec *spec,
		    const struct file *file, struct err *err)
{
	const int r = file_read_at(file->fd, backing->host, (size_t)file->size,
				   0);

	if (r == -ENODATA)
		return err_set(err, -EIO, "%s: shrank while it was read",
			       spec->path);
	if (r < 0)
		return err_set(err, r, "%s: %s", spec->path,
			       strerrordesc_np(-r));
	if (mprotect(backing->host, (size_t)backing->size, PROT_READ) < 0)
		return err_sys(err, "mprotect");
	return 0;
}

int rom_load(struct backing *ret, const struct rom_spec *spec, uint64_t page,
	     uint64_t block, struct range *ret_gpa, struct err *err)
{
	_cleanup_(fd_closep) int fd = -1;
	struct backing backing = { 0 };
	struct range gpa = { 0 };
	struct file file;
	int r;

	r = file_open(&file, spec->path, O_RDONLY, FILE_NOT_EMPTY, err);
	if (r < 0)
		return r;
	fd = file.fd;
	r = place_rom(spec, file.size, page, &gpa, err);
	if (r == 0)
		r = backing_init(&backing, gpa, block, NULL, err);
	if (r == 0)
		r = fill_rom(&backing, spec, &file, err);
	if (r < 0) {
		backing_finish(&backing);
		return r;
	}
	*ret = backing;
	*ret_gpa = gpa;
	return 0;
}
