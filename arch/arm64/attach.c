/* arch/arm64/attach.c - puts the machine's devices on its bus. */
#include <errno.h>

#include "arch/arch.h"
#include "arch/arm64/board.h"
#include "devices/uart16550.h"
#include "vmm/machine.h"

static int attach(struct machine *machine, struct device *dev, struct range at,
		  const char *compatible, unsigned pin, struct err *err)
{
	const struct io_slot slot = {
		.at = at, .dev = dev, .compatible = compatible, .irq = pin
	};

	if (!dev)
		return err_set(err, -ENOMEM, "%s: out of memory", compatible);
	return machine_attach(machine, slot, err);
}

static int attach_uart(struct machine *machine, struct err *err)
{
	const bool used = machine->config->console == CONSOLE_SERIAL;
	const struct irq_line irq = irq_level_line(&machine->irq,
						   ARM64_PIN_UART);

	return attach(machine,
		      uart16550_new(used ? machine->tty : NULL, irq, 0),
		      (struct range){ ARM64_UART, UART16550_SIZE(0) },
		      "ns16550a", ARM64_PIN_UART, err);
}

int arch_attach(struct machine *machine, struct err *err)
{
	return attach_uart(machine, err);
}
