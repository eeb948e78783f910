/* arch/mips/load.c - puts kernel, initrd and the user's tree into memory. */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>

#include "arch/arch.h"
#include "arch/mips/board.h"
#include "arch/mips/boot.h"
#include "arch/mips/layout.h"
#include "arch/mips/machine.h"
#include "base/cleanup.h"
#include "vmm/boot_files.h"
#include "vmm/machine.h"

/* Guests have the byte order of the host. */
#define DATA \
	(__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? ELFDATA2MSB : ELFDATA2LSB)

/* What is being loaded. */
struct load {
	struct machine *machine;
	struct kernel_image kernel; /* owned */
	struct elf elf;
	struct file initrd; /* owned; fd -1: none */
	uint8_t *dtb; /* owned; the user's tree; NULL: ours, written later */
	struct mips_payload want;
	struct mips_placement at;
};

static void load_finish(struct load *load)
{
	kernel_image_finish(&load->kernel);
	fd_closep(&load->initrd.fd);
	free(load->dtb);
}

/* A host of 64 bits may run kernels of both classes. */
static uint8_t class(const struct load *load)
{
	uint8_t ident[EI_NIDENT];
	struct err unused = { 0 };

	if (load->machine->limits.features & MIPS_HAS_64BIT &&
	    kernel_image_copy(&load->kernel, 0, ident, sizeof(ident),
			      &unused) == 0 &&
	    ident[EI_CLASS] == ELFCLASS64)
		return ELFCLASS64;
	return ELFCLASS32;
}

static int open_kernel(struct load *load, const char *path, struct err *err)
{
	struct elf_target target = { EM_MIPS, 0, DATA };
	int r;

	r = kernel_image_open(&load->kernel, path, MIPS_UNPACKED_MAX, err);
	if (r < 0)
		return r;
	if (load->kernel.format != KERNEL_ELF)
		return err_input(err, -ENOTSUP,
				 "kernel %s: not an ELF file, as MIPS kernels "
				 "are (vmlinux)",
				 path);
	target.class = class(load);
	r = elf_parse(&load->kernel, &target, &load->elf, err);
	if (r == 0)
		r = mips_elf_physical(&load->elf, mips_kseg0(load->machine),
				      path, err);
	if (r == 0)
		load->want.kernel = load->elf.span;
	return r;
}

static int open_dtb(struct load *load, const char *path, struct err *err)
{
	const struct machine *machine = load->machine;
	const struct mips_board board = { .ram = &machine->arch->ram,
					  .mmio = &machine->mmio,
					  .cpus = machine->config->cpus,
					  .cmdline = machine->config->cmdline };
	size_t size = mips_describe_space(&board);
	int r = 0;

	if (path)
		r = dtb_read(&load->dtb, path, MIPS_DTB_MAX, &size, err);
	else if (size > MIPS_DTB_MAX)
		return err_input(err, -E2BIG,
				 "the kernel command line is too long for a "
				 "device tree");
	load->want.dtb_size = size;
	return r;
}

static void set_boot(struct machine *machine, uint64_t entry)
{
	const uint64_t kseg0 = mips_kseg0(machine);
	struct boot_state *boot = &machine->boot;

	boot->pc = mips_register((uint32_t)(kseg0 + entry));
	boot->arg[0] = mips_register((uint32_t)MIPS_UHI_DTB);
	boot->arg[1] = mips_register((uint32_t)(kseg0 + boot->dtb.start));
}

int arch_load(struct machine *machine, struct err *err)
{
	const struct config *config = machine->config;
	struct arch_machine *arch = machine->arch;
	_cleanup_(load_finish) struct load load = { .machine = machine,
						    .initrd.fd = -1 };
	int r;

	load.want.kernel_path = config->kernel;
	load.want.initrd_path = config->initrd;
	r = open_kernel(&load, config->kernel, err);
	if (r == 0)
		r = initrd_open(&load.initrd, config->initrd, err);
	load.want.initrd_size = load.initrd.size;
	if (r == 0)
		r = open_dtb(&load, config->dtb, err);
	if (r == 0)
		r = mips_place(&load.want, arch->ram.at, arch->ram.count,
			       &load.at, err);
	if (r == 0)
		r = elf_copy(&load.elf, &load.kernel, &machine->mem, 0, err);
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
	set_boot(machine, load.elf.entry);
	return 0;
}
