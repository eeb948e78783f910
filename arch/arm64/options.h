/* arch/arm64/options.h - the words that only arm64 knows. [pure] */
#ifndef ARCH_ARM64_OPTIONS_H
#define ARCH_ARM64_OPTIONS_H

#include "base/err.h"

struct config;

enum arm64_irqchip {
	ARM64_GIC_AUTO, /* the best that the host offers */
	ARM64_GIC_V2,
	ARM64_GIC_V3,
	ARM64_GIC_V3_ITS,
};

/* A GICv2 has one bit for each CPU in a byte. Source: IHI 0048B, 4.3.12. */
#define ARM64_GICV2_MAX_CPUS 8

/*
 * Reads the word of --irqchip. Returns 0, or -EINVAL with @err naming the
 * valid ones.
 */
int arm64_irqchip_parse(const char *word, enum arm64_irqchip *ret,
			struct err *err);

/* Bytes of a command line that an arm64 Linux keeps. Source: Linux,
 * arch/arm64/include/uapi/asm/setup.h, COMMAND_LINE_SIZE, with its end. */
#define ARM64_LINUX_CMDLINE_MAX 2047

/* arch_check_config() of arm64. Warns of a command line that Linux cuts. */
int arm64_check_config(const struct config *config, struct err *err);

#endif
