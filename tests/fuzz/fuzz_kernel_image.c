/* tests/fuzz/fuzz_kernel_image.c - a kernel file is what it is, or refused. */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "arch/arm64/boot.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "tests/fuzz/fuzz.h"
#include "vmm/boot/elf.h"
#include "vmm/boot/kernel_image.h"

#define LIMIT (256u << 10)

/* Each segment can be read, lies in the span, and the entry in one of them. */
static void check_elf(const struct kernel_image *image,
		      const struct elf_target *target)
{
	_cleanup_(freep) uint8_t *buf = malloc((size_t)image->size);
	struct err err = { 0 };
	struct elf elf;
	bool entry = false;

	if (elf_parse(image, target, &elf, &err) < 0) {
		if (!err.input || !err.msg[0])
			abort();
		return;
	}
	if (!buf || !range_valid(elf.span) || elf.segments == 0)
		abort();
	for (size_t i = 0; i < elf.segments; i++) {
		const struct elf_segment *seg = &elf.segment[i];

		if (seg->file_size > seg->mem.size || !range_valid(seg->mem) ||
		    kernel_image_copy(image, seg->offset, buf,
				      (size_t)seg->file_size, &err) < 0)
			abort();
		if (elf.span.size != UINT64_MAX &&
		    !range_contains(elf.span, seg->mem))
			abort();
		entry |= elf.entry - seg->mem.start < seg->mem.size;
	}
	if (!entry)
		abort();
}

static void check_elfs(const struct kernel_image *image)
{
	static const struct elf_target targets[] = {
		{ EM_AARCH64, ELFCLASS64, ELFDATA2LSB },
		{ EM_S390, ELFCLASS64, ELFDATA2MSB },
		{ EM_MIPS, ELFCLASS32, ELFDATA2LSB },
		{ EM_MIPS, ELFCLASS32, ELFDATA2MSB },
	};

	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
		check_elf(image, &targets[i]);
}

static void check(const char *path)
{
	_cleanup_(kernel_image_finish) struct kernel_image image = { 0 };
	struct err err = { 0 };
	uint8_t last;

	if (kernel_image_open(&image, path, LIMIT, &err) < 0) {
		if (!err.input || !err.msg[0])
			abort();
		return;
	}
	if (image.size == 0 || (image.data && image.size > LIMIT) ||
	    (image.data != NULL) != (image.fd < 0) ||
	    kernel_image_copy(&image, image.size - 1, &last, 1, &err) < 0 ||
	    kernel_image_copy(&image, image.size, &last, 1, &err) == 0)
		abort();
	if (image.format == KERNEL_ELF)
		check_elfs(&image);
	else if (arm64_image_whole(&image, &err) < 0 && !err.input)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(fd_closep) int fd = memfd_create("kernel", MFD_CLOEXEC);
	char path[32];

	if (fd < 0 || file_write_at(fd, data, size, 0) < 0)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	check(path);
	return 0;
}
