/* vmm/machine/irq_chip.c - the interrupt pins that a machine's devices drive.
 */
#include "vmm/machine/irq_chip.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/event_fd.h"

static void irq_set_level(void *chip_, unsigned pin, bool level)
{
	struct irq_chip *chip = chip_;

	chip->high[pin] = level;
	if (chip->set)
		chip->set(chip->ctx, pin, level);
}

struct irq_line irq_level_line(struct irq_chip *chip, unsigned pin)
{
	assert(pin < IRQ_MAX_PIN);
	return (struct irq_line){ irq_set_level, chip, pin };
}

/* Here @index is that of chip->edge, so that the way to the eventfd is short.
 */
static void irq_signal_edge(void *chip_, unsigned index, bool level)
{
	struct irq_chip *chip = chip_;

	/* It cannot be full: KVM empties it at each signal. */
	if (level)
		event_fd_signal(chip->edge[index].fd);
}

int irq_edge_line(struct irq_chip *chip, unsigned pin, struct irq_line *ret,
		  struct err *err)
{
	const size_t index = chip->edges;
	struct irq_edge *edge = reallocarray(chip->edge, index + 1,
					     sizeof(*edge));

	if (!edge)
		return err_set(err, -ENOMEM, "interrupt pin %u: out of memory",
			       pin);
	chip->edge = edge;
	edge[index] = (struct irq_edge){ .pin = pin };
	edge[index].fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (edge[index].fd < 0)
		return err_sys(err, "interrupt pin %u: eventfd", pin);
	chip->edges++;
	*ret = (struct irq_line){ irq_signal_edge, chip, (unsigned)index };
	return 0;
}

void irq_chip_connect(struct irq_chip *chip,
		      void (*set)(void *ctx, unsigned pin, bool level),
		      void *ctx)
{
	const bool *at = chip->high, *end = at + IRQ_MAX_PIN;

	chip->set = set;
	chip->ctx = ctx;
	/* Mostly none: a start does not go through them one by one. */
	while ((at = memchr(at, true, (size_t)(end - at))))
		set(ctx, (unsigned)(at++ - chip->high), true);
}

void irq_chip_disconnect(struct irq_chip *chip)
{
	chip->set = NULL;
}

void irq_forget(struct irq_chip *chip)
{
	for (size_t i = 0; i < chip->edges; i++) {
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
	free(chip->edge);
	chip->edge = NULL;
}
