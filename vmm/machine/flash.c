/* vmm/machine/flash.c - the flashes a user asks for: file, memory and device of
 * each.
 */
#include "vmm/machine/flash.h"

#include <errno.h>

#include "base/align.h"
#include "base/log.h"
#include "base/size.h"
#include "devices/cfi_flash.h"
#include "vmm/kvm/slot.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/machine.h"

/*
 * By this EDK2's ArmVirtKvmTool knows its variable store. Source: EDK2,
 * ArmVirtPkg/Library/NorFlashKvmtoolLib, LABEL_UEFI_VAR_STORE.
 */
#define VARIABLE_STORE "System-firmware"

static int place(struct flash *flash, gpa_t *next, struct range window,
		 struct err *err)
{
	const uint64_t size = flash->image.size;
	char room[SIZE_TEXT];

	flash->at.size = size;
	if (align_up(*next, size, &flash->at.start) &&
	    range_contains(window, flash->at)) {
		*next = flash->at.start + size;
		return 0;
	}
	return err_input(err, -ENOSPC,
			 "%s: there is no room for it; all flashes together "
			 "are at most %s",
			 flash->image.path, size_format(room, window.size));
}

static int lay_out(struct machine *machine, size_t i, gpa_t *next,
		   struct range window, struct err *err)
{
	const struct flash_spec *spec = &machine->config->flash[i];
	struct flash *flash = &machine->flash[i];
	int r;

	r = flash_image_open(&flash->image, spec->path, spec->ro, window.size,
			     err);
	if (r == 0)
		r = place(flash, next, window, err);
	if (r < 0)
		return r;
	return machine_add_file(machine, flash->at, flash->image.fd, spec->path,
				"flash", err);
}

int flash_layout(struct machine *machine, struct range window, struct err *err)
{
	gpa_t next = window.start;

	for (size_t i = 0; i < machine->config->flashes; i++) {
		const int r = lay_out(machine, i, &next, window, err);

		if (r < 0)
			return err_wrap(err, "--flash");
	}
	return 0;
}

static const struct mem_region *region_of(const struct flash *flash)
{
	return mem_find(&flash->vm->machine->mem, flash->at.start);
}

static void set_direct(void *ctx, bool direct)
{
	struct flash *flash = ctx;
	struct err err = { 0 };
	size_t region;

	flash->hidden = !direct;
	if (!flash->vm)
		return;
	region = (size_t)(region_of(flash) - flash->vm->machine->mem.region);
	if (slot_show(&flash->vm->slots, region, direct, &err) == 0 ||
	    flash->failed)
		return;
	flash->failed = true;
	log_warn("flash %s: %s", flash->image.path, err.msg);
}

/* KVM does not log what is written to the file. */
static void wrote(void *ctx, struct range at)
{
	const struct flash *flash = ctx;

	mem_wrote(&flash->vm->machine->mem, region_of(flash)->host + at.start,
		  at.size);
}

int flash_attach(struct machine *machine, struct err *err)
{
	const size_t count = machine->config->flashes;

	for (size_t i = 0; i < count; i++) {
		struct flash *flash = &machine->flash[i];
		const struct rom_view rom = { set_direct, wrote, flash };
		const struct io_slot slot = {
			.at = flash->at,
			.dev = cfi_flash_new(&flash->image, rom),
			.compatible = CFI_FLASH_COMPATIBLE,
			.label = i == count - 1 ? VARIABLE_STORE : NULL,
		};
		int r;

		if (!slot.dev)
			return err_set(err, -ENOMEM, "flash: out of memory");
		/* Not machine_attach(): there is memory, and it is ours. */
		r = bus_attach(&machine->mmio, slot, err);
		if (r < 0)
			return r;
	}
	return 0;
}

void flash_connect(struct machine *machine, struct vm *vm)
{
	for (size_t i = 0; i < machine->config->flashes; i++) {
		struct flash *flash = &machine->flash[i];

		flash->vm = vm;
		/* A new VM's slots are all there. */
		if (vm && flash->hidden)
			set_direct(flash, false);
	}
}

void flash_finish(struct machine *machine)
{
	for (size_t i = 0; i < machine->config->flashes; i++)
		flash_image_finish(&machine->flash[i].image);
}
