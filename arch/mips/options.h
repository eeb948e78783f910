/* arch/mips/options.h - the words that mean something else on MIPS. [pure] */
#ifndef ARCH_MIPS_OPTIONS_H
#define ARCH_MIPS_OPTIONS_H

#include "base/err.h"

struct config;

/* Bytes of a command line that a MIPS Linux keeps. Source: Linux,
 * arch/mips/include/asm/setup.h, COMMAND_LINE_SIZE, without its end. */
#define MIPS_LINUX_CMDLINE_MAX 4095

/* arch_check_config() of MIPS. Warns of a command line that Linux cuts, and of
 * CPUs that it does not use. */
int mips_check_config(const struct config *config, struct err *err);

#endif
