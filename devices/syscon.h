/*
 * devices/syscon.h - the register by which a guest turns its machine off, and
 * those by which it starts its other CPUs.
 *
 * Registers of 4 bytes, in the CPU's byte order:
 *
 *	0x00       power: SYSCON_POWEROFF and SYSCON_RESET do what they say
 *	0x40 + 4n  an address: CPU n starts there; once, and not CPU 0
 *
 * They read as zeroes. Other writes change nothing.
 *
 * Linux drives the first as "syscon-poweroff" and "syscon-reboot"; nothing but
 * a program that knows of them uses the others, so that CPUs which a guest
 * kernel has no use for stay where they are.
 *
 * Source: Linux, Documentation/devicetree/bindings/power/reset/
 * syscon-poweroff.yaml and syscon-reboot.yaml.
 */
#ifndef DEVICES_SYSCON_H
#define DEVICES_SYSCON_H

#include "devices/device.h"

#define SYSCON_SIZE 0x100 /* of the window, in bytes */
#define SYSCON_MAX_CPUS 48

enum { SYSCON_POWER = 0x00, SYSCON_CPU = 0x40 };
enum { SYSCON_POWEROFF = 0x42, SYSCON_RESET = 0x43 };

/*
 * Actions of the registers. Called on a vCPU's thread with the device's lock
 * held, as often as the guest likes: none may block.
 */
struct syscon_ops {
	void (*poweroff)(void *ctx);
	void (*reset)(void *ctx);
	/* @cpu: 1 to SYSCON_MAX_CPUS - 1, whether there is one or not */
	void (*start)(void *ctx, unsigned cpu, uint32_t pc);
};

/* @ops: borrowed for good. Returns NULL when out of memory. */
struct device *syscon_new(const struct syscon_ops *ops, void *ctx);

#endif
