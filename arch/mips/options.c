/* arch/mips/options.c - the words that mean something else on MIPS. */
#include "arch/mips/options.h"

#include <errno.h>
#include <string.h>

#include "arch/mips/board.h"
#include "base/log.h"
#include "vmm/boot/tree.h"
#include "vmm/config.h"

int mips_check_config(const struct config *config, struct err *err)
{
	const size_t len = strlen(config->cmdline);

	if (strcmp(config->irqchip, "auto") != 0 &&
	    strcmp(config->irqchip, "goldfish-pic") != 0)
		return err_input(err, -EINVAL,
				 "--irqchip %s: not one of goldfish-pic, auto",
				 config->irqchip);
	if (config->firmware)
		return err_input(err, -EINVAL,
				 "--firmware: MIPS guests start with a kernel; "
				 "give it by --kernel");
	if (config->pmu)
		return err_input(err, -EINVAL,
				 "--pmu: MIPS guests have no performance "
				 "counters");
	if (tree_check_words(config->dtb, config->cmdline, err) < 0)
		return err->code;
	if (config->cpus > MIPS_MAX_CPUS)
		return err_input(err, -EINVAL,
				 "--cpus %u: a MIPS guest has at most %d",
				 config->cpus, MIPS_MAX_CPUS);
	if (config->cpus > 1)
		log_warn("--cpus %u: a Linux guest uses the first alone; "
			 "others wait for a program that starts them",
			 config->cpus);
	if (len > MIPS_LINUX_CMDLINE_MAX)
		log_warn("--cmdline: a Linux guest sees %d of its %zu bytes",
			 MIPS_LINUX_CMDLINE_MAX, len);
	return 0;
}
