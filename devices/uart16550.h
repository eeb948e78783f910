/*
 * devices/uart16550.h - the serial port of PCs: a National 16550A.
 *
 * The line has no speed: what is written is sent at once, and there is always
 * more input where the guest has taken the last. Only when the terminal takes
 * no more does the transmit FIFO fill, so that a driver waits as it would for
 * a slow line. Data that waits is an interrupt: of the trigger level's kind
 * once that many bytes are there, else of the timeout's kind.
 *
 * Input is not sent before the guest listens, so that none is lost to a driver
 * that resets the FIFOs while it starts. A guest listens when it raises RTS,
 * enables the receive interrupt, or reads the line status of an idle port 16
 * times without a write to any register. For the same reason a reset of the
 * receive FIFO drops only the bytes that the guest can have seen.
 *
 * Not modelled: parity and framing errors, word length, baud rate, DMA signals.
 *
 * Source: PC16550D data sheet (National Semiconductor, June 1995), section 8.
 */
#ifndef DEVICES_UART16550_H
#define DEVICES_UART16550_H

#include "devices/device.h"
#include "host/tty.h"

/* Bytes of a window for registers that are 1 << @shift apart. */
#define UART16550_SIZE(shift) (8u << (shift))

/*
 * Makes a serial port. Accesses are of 1 byte.
 *
 * @tty:       borrowed, outlives it; NULL: output is thrown away, no input
 * @irq:       level; set only when the level changes
 * @reg_shift: registers are 1 << reg_shift bytes apart
 *
 * Device tree: "ns16550a", with reg-shift.
 * Returns NULL when out of memory.
 */
struct device *uart16550_new(struct tty *tty, struct irq_line irq,
			     unsigned reg_shift);

#endif
