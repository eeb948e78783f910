/* vmm/boot/tree.c - writes the machine's device tree to guest memory. */
#include "vmm/boot/tree.h"

#include <libfdt.h>

#include "base/file.h"
#include "vmm/kvm/vm.h"

/*
 * The tree is written this late, into the room that arch_load() has left for
 * it, as only a VM says which interrupt controller it has, what its vCPUs are
 * called and how fast their clock is.
 */
int tree_write(struct vm *vm,
	       int (*write)(const struct vm *vm, void *at, size_t size,
			    struct err *err),
	       struct err *err)
{
	struct machine *machine = vm->machine;
	const struct config *config = machine->config;
	const struct range dtb = machine->boot.dtb;
	void *at = mem_ptr(&machine->mem, dtb.start, dtb.size, MEM_LOAD);
	int r = 0;

	if (!config->dtb)
		r = write(vm, at, (size_t)dtb.size, err);
	mem_wrote(&machine->mem, at, dtb.size);
	if (r < 0 || !config->dump_dtb || machine->dtb_dumped)
		return r;
	machine->dtb_dumped = true;
	/* The guest's seeds are in it. */
	r = file_write_all(config->dump_dtb, FILE_FOR_OWNER, at,
			   fdt_totalsize(at), err);
	return r < 0 ? err_wrap(err, "--dump-dtb") : 0;
}
