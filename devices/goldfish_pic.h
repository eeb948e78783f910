/*
 * devices/goldfish_pic.h - an interrupt controller of 32 level inputs and one
 * output.
 *
 * Registers of 4 bytes, in the CPU's byte order:
 *
 *	0x00  read   how many inputs are pending
 *	0x04  read   which are: bit n is input n
 *	0x08  write  any value: disables all
 *	0x0c  write  disables the inputs whose bits are set
 *	0x10  write  enables them
 *
 * An input that is high and enabled is pending; the output is high while any
 * is. After a reset none is enabled.
 *
 * Other devices set inputs, under their own locks, on any thread. So the input
 * state is atomic and needs no lock. The output is polled: the CPU's side reads
 * it when it is told to.
 *
 * Source: Linux, Documentation/devicetree/bindings/interrupt-controller/
 * google,goldfish-pic.txt; drivers/irqchip/irq-goldfish-pic.c.
 */
#ifndef DEVICES_GOLDFISH_PIC_H
#define DEVICES_GOLDFISH_PIC_H

#include "devices/device.h"

#define GOLDFISH_PIC_SIZE 0x100 /* of the window, in bytes */
#define GOLDFISH_PIC_INPUTS 32
#define GOLDFISH_PIC_COMPATIBLE "google,goldfish-pic"

/*
 * @changed: called when the guest has enabled or disabled inputs that are high:
 *           the output has to be looked at. On a vCPU's thread with the
 *           device's lock held, as often as the guest likes: it must not block
 * @ctx:     for @changed; borrowed
 *
 * Returns NULL when out of memory.
 */
struct device *goldfish_pic_new(void (*changed)(void *ctx), void *ctx);

/*
 * Sets an input.
 *
 * @input: below GOLDFISH_PIC_INPUTS
 *
 * Returns true if the output is high and has to be looked at; it falls
 * unheard, and the next look sees it. Thread: any.
 */
bool goldfish_pic_set(struct device *dev, unsigned input, bool level);

/* The level of the output. Thread: any. */
bool goldfish_pic_output(struct device *dev);

#endif
