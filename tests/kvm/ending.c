/*
 * tests/kvm/ending.c - a page that is lost while the devices end kills nobody.
 *
 * Usage: ending run OPTION..., with the last --mem backed by the file
 * ending.ram, as vmm would be called. It says "told" if the run ends with an
 * error that names the page.
 *
 * A device that ends finishes what is in flight, in guest memory. The linker
 * has machine.c call this file's devices_finish(), which truncates the file and
 * touches its memory as such a device would.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "devices/devices.h"
#include "tests/kvm/fail.h"
#include "vmm/config.h"
#include "vmm/machine/machine.h"
#include "vmm/run.h"

void __real_devices_finish(struct devices *devices);
void __wrap_devices_finish(struct devices *devices);

void __wrap_devices_finish(struct devices *devices)
{
	const struct machine *machine = container_of(devices, struct machine,
						     devices);
	const struct mem_map *mem = &machine->mem;

	if (devices->count > 0) {
		if (truncate("ending.ram", 0) < 0)
			fail("truncate", strerror(errno));
		for (size_t i = 0; i < mem->count; i++)
			if (mem->region[i].kind == MEM_RAM)
				*(volatile uint8_t *)mem->region[i].host = 1;
	}
	__real_devices_finish(devices);
}

int main(int argc, char *argv[])
{
	_cleanup_(config_finish) struct config config = { 0 };
	struct err err = { 0 };
	int status = -1;
	int r;

	(void)unlink("ending.ram");
	check(config_parse(&config, argc - 1, argv + 1, &err), "words", &err);
	r = run_guest(&config, NULL, NULL, &status, &err);
	if (r == 0)
		fail("end", "the lost page was not told");
	if (!strstr(err.msg, "offset 0x0: ending.ram was truncated"))
		fail("end", err.msg);
	(void)printf("told\n");
	return 0;
}
