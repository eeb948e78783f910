/* vmm/kvm/irq.c - connects a machine's interrupt pins to a VM. */
#include "vmm/kvm/irq.h"

#include "arch/arch.h"
#include "vmm/kvm/kvm.h"
#include "vmm/machine/irq_chip.h"

static int irq_hand_over(const struct irq_route *route, uint32_t flags,
			 struct err *err)
{
	const struct irq_chip *chip = route->chip;

	for (size_t i = 0; i < chip->edges; i++) {
		struct kvm_irqfd arg = {
			.fd = (uint32_t)chip->edge[i].fd,
			.flags = flags,
		};
		int r = arch_irqfd_gsi(route->vm, chip->edge[i].pin, &arg.gsi,
				       err);

		if (r == 0)
			r = kvm_ioctl(route->fd, KVM_IRQFD, &arg, err);
		if (r < 0)
			return err_wrap(err, "interrupt pin %u",
					chip->edge[i].pin);
	}
	return 0;
}

static void irq_set_vm(void *vm, unsigned pin, bool level)
{
	arch_irq_set(vm, pin, level);
}

int irq_connect(const struct irq_route *route, struct err *err)
{
	const int r = irq_hand_over(route, 0, err);

	if (r == 0)
		irq_chip_connect(route->chip, irq_set_vm, route->vm);
	return r;
}

/* KVM removes an eventfd only when none of its events is in flight. */
int irq_settle(const struct irq_route *route, struct err *err)
{
	const int r = irq_hand_over(route, KVM_IRQFD_FLAG_DEASSIGN, err);

	return r == 0 ? irq_hand_over(route, 0, err) : r;
}
