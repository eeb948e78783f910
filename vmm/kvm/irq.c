/* vmm/kvm/irq.c - interrupt pins between devices and the VM of the moment. */
#include "vmm/kvm/irq.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "arch/arch.h"
#include "base/cleanup.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/vm.h"

static void set_level(void *chip_, unsigned pin, bool level)
{
	struct irq_chip *chip = chip_;

	chip->high[pin] = level;
	if (chip->vm)
		arch_irq_set(chip->vm, pin, level);
}

struct irq_line irq_level_line(struct irq_chip *chip, unsigned pin)
{
	assert(pin < IRQ_MAX_PIN);
	return (struct irq_line){ set_level, chip, pin };
}

/* Here @index is that of chip->edge, so that the way to the eventfd is short.
 */
static void set_edge(void *chip_, unsigned index, bool level)
{
	const uint64_t one = 1;
	struct irq_chip *chip = chip_;

	/* It cannot be full: KVM empties it at each signal. */
	if (level)
		(void)!write(chip->edge[index].fd, &one, sizeof(one));
}

int irq_edge_line(struct irq_chip *chip, unsigned pin, struct irq_line *ret,
		  struct err *err)
{
	struct irq_edge *edge = &chip->edge[chip->edges];

	assert(arch_has_irqfd);
	if (chip->edges == IRQ_MAX_EDGE)
		return err_set(err, -ENOSPC, "interrupt pin %u: too many", pin);
	*edge = (struct irq_edge){ .pin = pin };
	edge->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (edge->fd < 0)
		return err_sys(err, "interrupt pin %u: eventfd", pin);
	*ret = (struct irq_line){ set_edge, chip, chip->edges++ };
	return 0;
}

static int hand_over(const struct irq_chip *chip, const struct vm *vm,
		     uint32_t flags, struct err *err)
{
	for (unsigned i = 0; i < chip->edges; i++) {
		const struct kvm_irqfd arg = {
			.fd = (uint32_t)chip->edge[i].fd,
			.gsi = arch_irqfd_gsi(chip->edge[i].pin),
			.flags = flags,
		};

		if (kvm_ioctl(vm->fd, KVM_IRQFD, &arg, err) < 0)
			return err_wrap(err, "interrupt pin %u",
					chip->edge[i].pin);
	}
	return 0;
}

int irq_connect(struct irq_chip *chip, struct vm *vm, struct err *err)
{
	const bool *at = chip->high, *end = at + IRQ_MAX_PIN;
	const int r = hand_over(chip, vm, 0, err);

	if (r < 0)
		return r;
	chip->vm = vm;
	/* Mostly none: a start does not go through them one by one. */
	while ((at = memchr(at, true, (size_t)(end - at))))
		arch_irq_set(vm, (unsigned)(at++ - chip->high), true);
	return 0;
}

void irq_disconnect(struct irq_chip *chip)
{
	chip->vm = NULL;
}

/* KVM takes an eventfd away only when nothing of it is under way. */
int irq_settle(struct irq_chip *chip, struct err *err)
{
	const int r = hand_over(chip, chip->vm, KVM_IRQFD_FLAG_DEASSIGN, err);

	return r == 0 ? hand_over(chip, chip->vm, 0, err) : r;
}

void irq_forget(struct irq_chip *chip)
{
	for (unsigned i = 0; i < chip->edges; i++) {
		uint64_t left;

		(void)!read(chip->edge[i].fd, &left, sizeof(left));
	}
}

bool irq_is_high(const struct irq_chip *chip, unsigned pin)
{
	return pin < IRQ_MAX_PIN && chip->high[pin];
}

void irq_finish(struct irq_chip *chip)
{
	while (chip->edges > 0)
		fd_closep(&chip->edge[--chip->edges].fd);
}
