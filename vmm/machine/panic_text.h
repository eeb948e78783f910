/*
 * vmm/machine/panic_text.h - finds the panic of a Linux kernel in what its
 * console says. [pure]
 *
 * Source: Linux, kernel/panic.c: panic() says "Kernel panic - not syncing: "
 * and why, then a backtrace, and at last "Rebooting in N seconds.." or
 * "---[ end Kernel panic - not syncing: ...".
 */
#ifndef VMM_MACHINE_PANIC_TEXT_H
#define VMM_MACHINE_PANIC_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define PANIC_TEXT_WORDS 3

enum panic_said {
	PANIC_SAID_NOTHING,
	PANIC_SAID_BEGIN, /* there is a panic, and the kernel says more */
	PANIC_SAID_ALL,
};

/* Zeroed, nothing was said. The caller holds a lock. */
struct panic_text {
	uint8_t at[PANIC_TEXT_WORDS]; /* of each word: how much was said */
	enum panic_said said;
};

/* Reads what is said next. Returns what was said from the start on. */
enum panic_said panic_text_read(struct panic_text *text, const uint8_t *buf,
				size_t len);

#endif
