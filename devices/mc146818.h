/*
 * devices/mc146818.h - the real-time clock of PCs: a Motorola MC146818.
 *
 * Two registers: the index of one of 128 bytes at offset 0, and that byte at
 * offset 1; the rest of the window reads as ones. The first fourteen bytes are
 * the chip's; byte 0x32 is the century, as PCs have it; the others keep what
 * is written.
 *
 * The clock is the host's, in UTC, plus what the guest set it by. It is never
 * in doubt whether an update is due: UIP is set in the 2.2 ms before each
 * second, and clear otherwise, so that a guest may read all of the time after
 * it saw it clear. A time is set under SET, or takes effect byte by byte.
 *
 * Not modelled: interrupts (this board gives it no pin), so neither the alarm
 * (AF stays clear, its bytes keep what is written) nor the periodic timer (PF
 * stays clear), the square wave, and daylight saving. UF tells that a second
 * has begun since register C was last read. The day of the week follows from
 * the date; writing it has no effect.
 *
 * Linux's rtc-cmos reaches the chip by port I/O, and so not here: arm64 guests
 * have a PL031 beside it (devices/pl031.h). EDK2's ArmVirtKvmTool firmware
 * reaches it by memory.
 *
 * Source: MC146818 data sheet (Motorola, 1984); kvmtool's place for it.
 */
#ifndef DEVICES_MC146818_H
#define DEVICES_MC146818_H

#include "devices/device.h"

#define MC146818_SIZE 2 /* of the window, in bytes */

/*
 * Makes a clock. Accesses are of 1 byte. A reset is that of the chip's pin: a
 * battery keeps the time and the memory.
 *
 * @now: the host's time, in nanoseconds since 1970, UTC. Thread: any vCPU.
 *
 * Device tree: "motorola,mc146818". Returns NULL when out of memory.
 */
struct device *mc146818_new(int64_t (*now)(void));

#endif
