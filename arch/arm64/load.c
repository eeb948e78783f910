/* arch/arm64/load.c - puts kernel, initrd and the user's tree into memory. */
#include <elf.h>

#include "arch/arch.h"
#include "arch/arm64/board.h"
#include "arch/arm64/boot.h"
#include "arch/arm64/machine.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "vmm/boot/boot_files.h"
#include "vmm/boot/tree.h"
#include "vmm/machine/machine.h"

/* The files being loaded. */
struct load {
	struct machine *machine;
	struct boot_files files; /* owned */
	struct tree_file tree; /* owned */
	struct arm64_payload want;
	struct arm64_placement at;
};

static void finish_load(struct load *load)
{
	boot_files_finish(&load->files);
	tree_file_finish(&load->tree);
}

/* Firmware is linked for the first byte of RAM, unless the user says where, and
 * finds the tree 2 MiB aligned behind it. */
static int open_firmware(struct load *load, const char *path, struct err *err)
{
	struct kernel_image *image = &load->files.kernel;
	const int r = kernel_image_open_raw(image, path, err);

	if (r < 0)
		return err_wrap(err, "firmware");
	load->want.kernel = (struct arm64_kernel){
		.size = image->size,
		.span = image->size,
		.align = 1,
		.fixed = load->machine->config->kvmtool.firmware_placed,
		.at = load->machine->config->kvmtool.firmware_at,
	};
	load->want.dtb_align = 2ULL << 20;
	return 0;
}

static int open_kernel(struct load *load, const char *path, struct err *err)
{
	static const struct elf_target target = { EM_AARCH64, ELFCLASS64,
						  ELFDATA2LSB };
	const struct arm64_layout *layout = &load->machine->arch->layout;
	uint8_t head[ARM64_IMAGE_HEADER];
	struct kernel_image *image = &load->files.kernel;
	size_t len = sizeof(head);
	int r;

	r = kernel_image_open(
		image, path,
		arm64_unpack_limit(layout->ram.at, layout->ram.count), err);
	if (r < 0)
		return r;
	load->want.dtb_align = 4096;
	if (image->format == KERNEL_ELF) {
		r = elf_parse(image, &target, &load->files.elf, err);
		if (r == 0)
			arm64_elf_kernel(&load->files.elf, layout->ram.at,
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
	if (r < 0)
		return err_wrap(err, "kernel %s", path);
	if (load->want.kernel.bare)
		log_info(
			"kernel %s: no header of a known kind: it runs as flat "
			"code",
			path);
	return 0;
}

/* Bytes of the tree that is written later. */
static size_t tree_size(const struct machine *machine)
{
	const struct arm64_board board = { .layout = &machine->arch->layout,
					   .mmio = &machine->mmio,
					   .cpus = machine->config->cpus,
					   .cmdline =
						   machine->config->cmdline };

	return arm64_describe_space(&board);
}

static int open_all(struct load *load, struct err *err)
{
	const struct machine *machine = load->machine;
	const struct config *config = machine->config;
	const struct ram_layout *ram = &machine->arch->layout.ram;
	const struct tree_limits limits = { tree_size(machine), ARM64_DTB_MAX,
					    ram->at, ram->count };
	struct boot_files *files = &load->files;
	int r = config->firmware ? open_firmware(load, config->firmware, err)
				 : open_kernel(load, config->kernel, err);

	if (r == 0)
		r = boot_files_open(files, config->initrd, err);
	if (r == 0)
		r = tree_file_open(&load->tree, config->dtb, &limits, err);
	load->want.kernel_path = config->firmware ? config->firmware
						  : config->kernel;
	load->want.initrd_path = config->initrd;
	load->want.initrd_size = files->initrd.size;
	load->want.dtb_size = load->tree.size;
	return r;
}

static int copy_kernel(struct load *load, struct err *err)
{
	const struct boot_files *files = &load->files;
	const struct kernel_image *image = &files->kernel;
	struct machine *machine = load->machine;
	const gpa_t at = load->at.kernel;
	void *to;
	int r;

	if (image->format == KERNEL_ELF) {
		const uint64_t moved = at - files->elf.span.start;

		machine->boot.pc = files->elf.entry + moved;
		return elf_copy(&files->elf, image, &machine->mem, moved, err);
	}
	machine->boot.pc = at;
	to = mem_ptr(&machine->mem, at, image->size, MEM_LOAD);
	r = kernel_image_copy(image, 0, to, image->size, err);
	mem_wrote(&machine->mem, to, image->size);
	return r;
}

int arch_load(struct machine *machine, struct err *err)
{
	const struct ram_layout *ram = &machine->arch->layout.ram;
	_cleanup_(finish_load) struct load load = { .machine = machine,
						    .files = BOOT_FILES_NONE };
	int r = open_all(&load, err);

	if (r == 0)
		r = arm64_place(&load.want, ram->at, ram->count, &load.at, err);
	if (r == 0)
		r = copy_kernel(&load, err);
	if (r == 0)
		r = boot_files_copy(&load.files, &machine->mem, load.at.initrd,
				    err);
	if (r == 0)
		tree_file_copy(&load.tree, &machine->mem, load.at.dtb);
	machine->boot.initrd = load.at.initrd;
	machine->arch->tree.at = load.at.dtb;
	machine->boot.arg[0] = load.at.dtb.start;
	return r;
}
