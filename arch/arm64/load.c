/* arch/arm64/load.c - puts kernel, initrd and the user's tree into memory. */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "arch/arch.h"
#include "arch/arm64/board.h"
#include "arch/arm64/boot.h"
#include "arch/arm64/machine.h"
#include "base/cleanup.h"
#include "mem/dirty.h"
#include "vmm/boot_files.h"
#include "vmm/machine.h"

/* What is being loaded. */
struct load {
	struct machine *machine;
	struct kernel_image kernel; /* owned */
	struct elf elf; /* if the kernel is one */
	struct file initrd; /* owned; fd -1: none */
	uint8_t *dtb; /* owned; the user's tree; NULL: ours, written later */
	struct arm64_payload want;
	struct arm64_placement at;
};

static void load_finish(struct load *load)
{
	kernel_image_finish(&load->kernel);
	fd_closep(&load->initrd.fd);
	free(load->dtb);
}

/* Firmware is linked for the first byte of RAM, and finds the tree 2 MiB
 * aligned behind it. */
static int open_firmware(struct load *load, const char *path, struct err *err)
{
	const int r = kernel_image_open_raw(&load->kernel, path, err);

	if (r < 0)
		return err_wrap(err, "firmware");
	load->want.kernel = (struct arm64_kernel){ .size = load->kernel.size,
						   .span = load->kernel.size,
						   .align = 1 };
	load->want.dtb_align = 2ULL << 20;
	return 0;
}

static int open_kernel(struct load *load, const char *path, struct err *err)
{
	static const struct elf_target target = { EM_AARCH64, ELFCLASS64,
						  ELFDATA2LSB };
	const struct arm64_layout *layout = &load->machine->arch->layout;
	uint8_t head[ARM64_IMAGE_HEADER];
	struct kernel_image *image = &load->kernel;
	size_t len = sizeof(head);
	int r;

	r = kernel_image_open(
		image, path,
		arm64_unpack_limit(layout->ram.at, layout->ram.count), err);
	if (r < 0)
		return r;
	load->want.dtb_align = 4096;
	if (image->format == KERNEL_ELF) {
		r = elf_parse(image, &target, &load->elf, err);
		if (r == 0)
			arm64_elf_kernel(&load->elf, layout->ram.at,
					 layout->ram.count, &load->want.kernel);
		return r;
	}
	r = arm64_image_whole(image, err);
	if (r < 0)
		return r;
	if (image->size < len)
		len = (size_t)image->size;
	r = kernel_image_copy(image, 0, head, len, err);
	if (r < 0)
		return r;
	r = arm64_image_parse(head, len, image->size, &load->want.kernel, err);
	return r < 0 ? err_wrap(err, "kernel %s", path) : 0;
}

static int open_dtb(struct load *load, const char *path, struct err *err)
{
	const struct machine *machine = load->machine;
	const struct arm64_board board = { .layout = &machine->arch->layout,
					   .mmio = &machine->mmio,
					   .cpus = machine->config->cpus,
					   .cmdline =
						   machine->config->cmdline };
	size_t size;
	int r;

	if (!path) {
		load->want.dtb_size = arm64_describe_space(&board);
		if (load->want.dtb_size > ARM64_DTB_MAX)
			return err_input(err, -E2BIG,
					 "the kernel command line is too long "
					 "for a device tree");
		return 0;
	}
	r = dtb_read(&load->dtb, path, ARM64_DTB_MAX, &size, err);
	if (r == 0)
		load->want.dtb_size = size;
	return r;
}

/* Returns host memory for what arm64_place() has placed in RAM. */
static void *placed(const struct load *load, gpa_t at, uint64_t size)
{
	return mem_ptr(&load->machine->mem, at, size, MEM_LOAD);
}

static int copy_elf(struct load *load, struct err *err)
{
	const uint64_t moved = load->at.kernel - load->elf.span.start;

	load->machine->boot.pc = load->elf.entry + moved;
	return elf_copy(&load->elf, &load->kernel, &load->machine->mem, moved,
			err);
}

static int copy_kernel(struct load *load, struct err *err)
{
	const uint64_t size = load->kernel.size;
	void *to = placed(load, load->at.kernel, size);
	int r;

	if (load->kernel.format == KERNEL_ELF)
		return copy_elf(load, err);
	load->machine->boot.pc = load->at.kernel;
	r = kernel_image_copy(&load->kernel, 0, to, size, err);
	mem_wrote(&load->machine->mem, to, size);
	return r;
}

int arch_load(struct machine *machine, struct err *err)
{
	const struct config *config = machine->config;
	struct arch_machine *arch = machine->arch;
	_cleanup_(load_finish) struct load load = { .machine = machine,
						    .initrd.fd = -1 };
	int r;

	load.want.kernel_path = config->firmware ? config->firmware
						 : config->kernel;
	load.want.initrd_path = config->initrd;
	r = config->firmware ? open_firmware(&load, config->firmware, err)
			     : open_kernel(&load, config->kernel, err);
	if (r == 0)
		r = initrd_open(&load.initrd, config->initrd, err);
	load.want.initrd_size = load.initrd.size;
	if (r == 0)
		r = open_dtb(&load, config->dtb, err);
	if (r == 0)
		r = arm64_place(&load.want, arch->layout.ram.at,
				arch->layout.ram.count, &load.at, err);
	if (r == 0)
		r = copy_kernel(&load, err);
	if (r == 0)
		r = initrd_copy(&load.initrd, config->initrd, &machine->mem,
				load.at.initrd, err);
	if (r < 0)
		return r;
	if (load.dtb)
		(void)mem_load(&machine->mem, load.at.dtb.start, load.dtb,
			       load.at.dtb.size);
	machine->boot.initrd = load.at.initrd;
	machine->boot.dtb = load.at.dtb;
	machine->boot.arg[0] = load.at.dtb.start;
	return 0;
}
