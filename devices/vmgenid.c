/* devices/vmgenid.c - tells a guest that it is another one from now on. */
#include "devices/vmgenid.h"

#include <assert.h>
#include <stdint.h>
#include <sys/random.h>

int vmgenid_renew(const struct vmgenid *vmgenid, struct err *err)
{
	uint8_t id[VMGENID_SIZE];
	int r;

	if (!vmgenid->mem)
		return 0;
	/* So few bytes come as a whole. */
	if (getrandom(id, sizeof(id), 0) < 0)
		return err_sys(err, "generation: getrandom");
	r = mem_write(vmgenid->mem, vmgenid->at, id, sizeof(id));
	assert(r == 0);
	(void)r;
	irq_set(&vmgenid->irq, true);
	irq_set(&vmgenid->irq, false);
	return 0;
}
