/* arch/mips/load.c - puts kernel, initrd and the user's tree into memory. */
#include <elf.h>
#include <errno.h>

#include "arch/arch.h"
#include "arch/mips/board.h"
#include "arch/mips/boot.h"
#include "arch/mips/layout.h"
#include "arch/mips/machine.h"
#include "base/cleanup.h"
#include "vmm/boot/boot_files.h"
#include "vmm/boot/tree.h"
#include "vmm/machine/machine.h"

/* The files being loaded. */
struct load {
	struct machine *machine;
	struct boot_files files; /* owned */
	struct tree_file tree; /* owned */
	struct mips_payload want;
	struct mips_placement at;
};

static void finish_load(struct load *load)
{
	boot_files_finish(&load->files);
	tree_file_finish(&load->tree);
}

/* A host of 64 bits may run kernels of both classes. */
static uint8_t elf_class(const struct load *load)
{
	uint8_t ident[EI_NIDENT];
	struct err unused = { 0 };

	if (load->machine->limits.features & MIPS_HAS_64BIT &&
	    kernel_image_copy(&load->files.kernel, 0, ident, sizeof(ident),
			      &unused) == 0 &&
	    ident[EI_CLASS] == ELFCLASS64)
		return ELFCLASS64;
	return ELFCLASS32;
}

static int open_kernel(struct load *load, const char *path, struct err *err)
{
	struct elf_target target = { EM_MIPS, 0, MIPS_ELF_DATA };
	struct boot_files *files = &load->files;
	int r;

	r = kernel_image_open(&files->kernel, path, MIPS_UNPACKED_MAX, err);
	if (r < 0)
		return r;
	if (files->kernel.format != KERNEL_ELF)
		return err_input(err, -ENOTSUP,
				 "kernel %s: not an ELF file, as MIPS kernels "
				 "are (vmlinux)",
				 path);
	target.class = elf_class(load);
	r = elf_parse(&files->kernel, &target, &files->elf, err);
	if (r == 0)
		r = mips_elf_physical(&files->elf, mips_kseg0(load->machine),
				      path, err);
	if (r == 0)
		load->want.kernel = files->elf.span;
	return r;
}

/* Bytes of the tree that is written later. */
static size_t tree_size(const struct machine *machine)
{
	const struct mips_board board = { .ram = &machine->arch->ram,
					  .mmio = &machine->mmio,
					  .cpus = machine->config->cpus,
					  .cmdline = machine->config->cmdline };

	return mips_describe_space(&board);
}

static int open_all(struct load *load, struct err *err)
{
	const struct config *config = load->machine->config;
	const struct ram_layout *ram = &load->machine->arch->ram;
	const struct tree_limits limits = { tree_size(load->machine),
					    MIPS_DTB_MAX, ram->at, ram->count };
	struct boot_files *files = &load->files;
	int r = open_kernel(load, config->kernel, err);

	if (r == 0)
		r = boot_files_open(files, config->initrd, err);
	if (r == 0)
		r = tree_file_open(&load->tree, config->dtb, &limits, err);
	load->want.kernel_path = config->kernel;
	load->want.initrd_path = config->initrd;
	load->want.initrd_size = files->initrd.size;
	load->want.dtb_size = load->tree.size;
	return r;
}

static void set_boot(struct load *load)
{
	struct machine *machine = load->machine;
	const uint64_t kseg0 = mips_kseg0(machine);
	struct boot_state *boot = &machine->boot;

	boot->initrd = load->at.initrd;
	machine->arch->tree.at = load->at.dtb;
	boot->pc = mips_register((uint32_t)(kseg0 + load->files.elf.entry));
	boot->arg[0] = mips_register((uint32_t)MIPS_UHI_DTB);
	boot->arg[1] = mips_register((uint32_t)(kseg0 + load->at.dtb.start));
}

int arch_load(struct machine *machine, struct err *err)
{
	const struct ram_layout *ram = &machine->arch->ram;
	_cleanup_(finish_load) struct load load = { .machine = machine,
						    .files = BOOT_FILES_NONE };
	const struct boot_files *files = &load.files;
	int r = open_all(&load, err);

	if (r == 0)
		r = mips_place(&load.want, ram->at, ram->count, &load.at, err);
	if (r == 0)
		r = elf_copy(&files->elf, &files->kernel, &machine->mem, 0,
			     err);
	if (r == 0)
		r = boot_files_copy(files, &machine->mem, load.at.initrd, err);
	if (r < 0)
		return r;
	tree_file_copy(&load.tree, &machine->mem, load.at.dtb);
	set_boot(&load);
	return r;
}
