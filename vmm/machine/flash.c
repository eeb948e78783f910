/* vmm/machine/flash.c - the flashes a user asks for: file, memory and device of
 * each.
 */
#include "vmm/machine/flash.h"

#include <errno.h>

#include "base/align.h"
#include "base/log.h"
#include "base/size.h"
#include "devices/bus.h"
#include "devices/cfi_flash.h"
#include "devices/devices.h"
#include "vmm/machine/backings.h"
#include "vmm/machine/slot_view.h"

/*
 * By this EDK2's ArmVirtKvmTool knows its variable store. Source: EDK2,
 * ArmVirtPkg/Library/NorFlashKvmtoolLib, LABEL_UEFI_VAR_STORE.
 */
#define VARIABLE_STORE "System-firmware"

static int flash_place(struct flash *flash, gpa_t *next, struct range window,
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

static int flash_lay_out(struct flash *flash, struct backings *backings,
			 const struct flash_spec *spec, gpa_t *next,
			 struct range window, struct err *err)
{
	int r = flash_image_open(&flash->image, spec->path, spec->ro,
				 flash->all->lock, window.size, err);

	if (r == 0)
		r = flash_place(flash, next, window, err);
	if (r < 0)
		return r;
	return backings_add_file(backings, flash->at, flash->image.fd,
				 spec->path, err);
}

int flash_layout(struct flashes *flashes, struct backings *backings,
		 const struct config *config, struct range window,
		 struct err *err)
{
	gpa_t next = window.start;

	flashes->map = backings->map;
	flashes->lock = !config->incoming;
	for (size_t i = 0; i < config->flashes; i++) {
		struct flash *flash = &flashes->flash[flashes->count++];

		flash->all = flashes;
		if (flash_lay_out(flash, backings, &config->flash[i], &next,
				  window, err) < 0)
			return err_wrap(err, "--flash");
	}
	return 0;
}

static const struct mem_region *flash_region(const struct flash *flash)
{
	return mem_find(flash->all->map, flash->at.start);
}

static void flash_set_direct(void *ctx, bool direct)
{
	struct flash *flash = ctx;
	const struct slot_view *view = flash->all->view;
	struct err err = { 0 };
	size_t region;

	flash->hidden = !direct;
	if (!view)
		return;
	region = (size_t)(flash_region(flash) - flash->all->map->region);
	if (view->show(view->ctx, region, direct, &err) == 0 || flash->failed)
		return;
	flash->failed = true;
	log_warn("flash %s: %s", flash->image.path, err.msg);
}

/* KVM does not log what is written to the file. */
static void flash_wrote(void *ctx, struct range at)
{
	const struct flash *flash = ctx;

	mem_wrote(flash->all->map, flash_region(flash)->host + at.start,
		  at.size);
}

int flash_attach(struct flashes *flashes, struct devices *devices,
		 struct bus *bus, struct err *err)
{
	for (size_t i = 0; i < flashes->count; i++) {
		struct flash *flash = &flashes->flash[i];
		const struct rom_view rom = { flash_set_direct, flash_wrote,
					      flash };
		const bool last = i == flashes->count - 1;
		const struct io_slot slot = {
			.at = flash->at,
			.dev = cfi_flash_new(&flash->image, rom),
			.compatible = CFI_FLASH_COMPATIBLE,
			.label = last ? VARIABLE_STORE : NULL,
		};
		int r;

		if (!slot.dev)
			return err_set(err, -ENOMEM, "flash: out of memory");
		/* Not machine_attach(): there is memory, and it is ours. */
		r = devices_add(devices, slot.dev, err);
		if (r == 0)
			r = bus_attach(bus, slot, err);
		if (r < 0)
			return r;
	}
	return 0;
}

void flash_connect(struct flashes *flashes, const struct slot_view *view)
{
	flashes->view = view;
	for (size_t i = 0; view && i < flashes->count; i++) {
		struct flash *flash = &flashes->flash[i];

		if (flash->hidden)
			flash_set_direct(flash, false);
	}
}

void flash_finish(struct flashes *flashes)
{
	while (flashes->count > 0)
		flash_image_finish(&flashes->flash[--flashes->count].image);
}
