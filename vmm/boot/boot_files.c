/* vmm/boot/boot_files.c - initrd and ELF segments into memory. */
#include "vmm/boot/boot_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"

void boot_files_finish(struct boot_files *files)
{
	kernel_image_finish(&files->kernel);
	fd_closep(&files->initrd.fd);
	*files = (struct boot_files)BOOT_FILES_NONE;
}

static int open_initrd(struct file *ret, const char *path, struct err *err)
{
	struct file file;
	int r;

	*ret = (struct file){ .fd = -1 };
	if (!path)
		return 0;
	r = file_open(&file, path, O_RDONLY, FILE_NOT_EMPTY, err);
	if (r < 0)
		return err_wrap(err, "initrd");
	*ret = file;
	return 0;
}

int boot_files_open(struct boot_files *files, const char *initrd,
		    struct err *err)
{
	files->initrd_path = initrd;
	return open_initrd(&files->initrd, initrd, err);
}

int boot_files_copy(const struct boot_files *files, const struct mem_map *mem,
		    struct range at, struct err *err)
{
	const char *path = files->initrd_path;
	void *to = mem_ptr(mem, at.start, at.size, MEM_LOAD);
	int r;

	if (at.size == 0)
		return 0;
	r = file_read_at(files->initrd.fd, to, (size_t)at.size, 0);
	mem_wrote(mem, to, at.size);
	if (r == -ENODATA)
		return err_set(err, -EIO, "initrd %s: shrank while it was read",
			       path);
	if (r < 0)
		return err_set(err, r, "initrd %s: %s", path,
			       strerrordesc_np(-r));
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
