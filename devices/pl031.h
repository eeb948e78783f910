/*
 * devices/pl031.h - the real-time clock of Arm boards: an Arm PrimeCell PL031.
 *
 * Registers of 32 bits:
 *
 *	0x000  DR    read    seconds since 1970, UTC, modulo 2^32
 *	0x004  MR    both    the match register
 *	0x008  LR    both    a write sets the clock
 *	0x00c  CR    both    1: the clock runs; a write has no effect
 *	0x010  IMSC  both    bit 0: the interrupt mask
 *	0x014  RIS   read    0
 *	0x018  MIS   read    0
 *	0x01c  ICR   write   no effect
 *	0xfe0  to 0xffc      the identification of the cell, one byte each
 *
 * All other offsets read as zero, and writes to them have no effect.
 *
 * The clock is the host's, plus what the guest set it by. It always runs: the
 * chip's CR cannot stop it either, once it was started.
 *
 * Not modelled: the alarm. The board gives the clock no pin, and the device
 * tree names none, so Linux offers no alarm. MR and IMSC keep what is written;
 * the raw status stays 0.
 *
 * Linux on arm64 drives this clock and no MC146818; EDK2 for kvmtool drives the
 * MC146818 alone (devices/mc146818.h). Each of them keeps its own time if it
 * is set.
 *
 * Source: Arm DDI 0224C (PrimeCell Real Time Clock, PL031), chapter 3.
 */
#ifndef DEVICES_PL031_H
#define DEVICES_PL031_H

#include "devices/device.h"

#define PL031_SIZE 0x1000 /* of the window, in bytes */

/*
 * Makes a clock. Accesses are of 4 bytes. A reset clears MR and IMSC; a battery
 * keeps the time.
 *
 * @now: the host's time, in nanoseconds since 1970, UTC. Thread: any vCPU.
 *
 * Device tree: "arm,pl031", "arm,primecell", with a clock "apb_pclk".
 * Returns NULL when out of memory.
 */
struct device *pl031_new(int64_t (*now)(void));

#endif
