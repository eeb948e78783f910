/* vmm/boot_files.c - initrd, device tree and ELF segments into memory. */
#include "vmm/boot_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <libfdt.h>

#include "base/cleanup.h"
#include "mem/dirty.h"

int initrd_open(struct file *ret, const char *path, struct err *err)
{
	int r;

	*ret = (struct file){ .fd = -1 };
	if (!path)
		return 0;
	r = file_open(ret, path, O_RDONLY, FILE_NOT_EMPTY, err);
	if (r < 0) {
		*ret = (struct file){ .fd = -1 };
		return err_wrap(err, "initrd");
	}
	return 0;
}

int initrd_copy(const struct file *initrd, const char *path,
		const struct mem_map *mem, struct range at, struct err *err)
{
	void *to = mem_ptr(mem, at.start, at.size, MEM_LOAD);
	int r;

	if (at.size == 0)
		return 0;
	r = file_read_at(initrd->fd, to, (size_t)at.size, 0);
	mem_wrote(mem, to, at.size);
	if (r == -ENODATA)
		return err_set(err, -EIO, "initrd %s: shrank while it was read",
			       path);
	if (r < 0)
		return err_set(err, r, "initrd %s: %s", path,
			       strerrordesc_np(-r));
	return 0;
}

int dtb_read(uint8_t **ret, const char *path, size_t max, size_t *ret_size,
	     struct err *err)
{
	_cleanup_(freep) uint8_t *dtb = NULL;
	size_t size;
	int r;

	r = file_read_all(path, max, &dtb, &size, err);
	if (r < 0)
		return err_wrap(err, "device tree");
	r = fdt_check_full(dtb, size);
	if (r < 0)
		return err_input(err, -EBADMSG,
				 "device tree %s: not one, or broken (%s)",
				 path, fdt_strerror(r));
	*ret_size = fdt_totalsize(dtb);
	*ret = TAKE_PTR(dtb);
	return 0;
}

int elf_copy(const struct elf *elf, const struct kernel_image *image,
	     const struct mem_map *mem, uint64_t moved, struct err *err)
{
	for (size_t i = 0; i < elf->segments; i++) {
		const struct elf_segment *seg = &elf->segment[i];
		uint8_t *to = mem_ptr(mem, seg->mem.start + moved,
				      seg->mem.size, MEM_LOAD);
		const int r = kernel_image_copy(image, seg->offset, to,
						(size_t)seg->file_size, err);

		if (r < 0)
			return r;
		memset(to + seg->file_size, 0,
		       (size_t)(seg->mem.size - seg->file_size));
		mem_wrote(mem, to, seg->mem.size);
	}
	return 0;
}
