/* vmm/kvm/doorbells.c - has KVM answer the doorbells of a bus. */
#include "vmm/kvm/doorbells.h"

#include "vmm/kvm/kvm.h"

static int connect_slot(int vm, const struct io_slot *slot, uint32_t flags,
			struct err *err)
{
	for (size_t i = 0; i < slot->dev->doorbells; i++) {
		const struct doorbell *bell = &slot->dev->doorbell[i];
		const struct kvm_ioeventfd arg = {
			.datamatch = bell->val,
			.addr = slot->at.start + bell->offset,
			.len = bell->size,
			.fd = bell->fd,
			.flags = flags,
		};

		if (kvm_ioctl(vm, KVM_IOEVENTFD, &arg, err) < 0)
			return err_wrap(err, "%s: doorbell",
					slot->dev->ops->name);
	}
	return 0;
}

int doorbells_connect(int vm, const struct bus *bus, bool ports,
		      struct err *err)
{
	const uint32_t flags = KVM_IOEVENTFD_FLAG_DATAMATCH |
			       (ports ? KVM_IOEVENTFD_FLAG_PIO : 0);
	int r = 0;

	for (size_t i = 0; r == 0 && i < bus->count; i++)
		r = connect_slot(vm, &bus->slot[i], flags, err);
	return r;
}
