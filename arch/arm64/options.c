/* arch/arm64/options.c - the words that only arm64 knows. */
#include "arch/arm64/options.h"

#include <errno.h>
#include <string.h>

#include "base/closest.h"
#include "base/log.h"
#include "vmm/boot/tree.h"
#include "vmm/config.h"

int arm64_irqchip_parse(const char *word, enum arm64_irqchip *ret,
			struct err *err)
{
	static const struct {
		const char *word;
		enum arm64_irqchip irqchip;
	} known[] = {
		{ "gicv2", ARM64_GIC_V2 },
		{ "gicv3", ARM64_GIC_V3 },
		{ "gicv3-its", ARM64_GIC_V3_ITS },
		{ "auto", ARM64_GIC_AUTO },
	};
	const size_t count = sizeof(known) / sizeof(*known);
	struct closest near = { .word = word };

	for (size_t i = 0; i < count; i++) {
		if (!strcmp(word, known[i].word)) {
			*ret = known[i].irqchip;
			return 0;
		}
	}
	if (!strcmp(word, "gicv2m"))
		return err_input(
			err, -EINVAL,
			"--irqchip gicv2m: its MSIs come with PCI, "
			"which there is not; gicv2 is the same without "
			"them");
	for (size_t i = 0; i < count; i++)
		closest_try(&near, known[i].word);
	if (!near.best)
		return err_input(err, -EINVAL,
				 "--irqchip %s: not one of gicv2, gicv3, "
				 "gicv3-its, auto",
				 word);
	return err_input(err, -EINVAL,
			 "--irqchip %s: not one of gicv2, gicv3, gicv3-its, "
			 "auto (did you mean '%s'?)",
			 word, near.best);
}

int arm64_check_config(const struct config *config, struct err *err)
{
	enum arm64_irqchip irqchip;
	const int r = arm64_irqchip_parse(config->irqchip, &irqchip, err);
	const size_t len = strlen(config->cmdline);

	if (r < 0)
		return r;
	if (tree_check_words(config->dtb, config->cmdline, err) < 0)
		return err->code;
	if (len > ARM64_LINUX_CMDLINE_MAX)
		log_warn("--cmdline: a Linux guest sees %d of its %zu bytes",
			 ARM64_LINUX_CMDLINE_MAX, len);
	if (irqchip == ARM64_GIC_V2 && config->cpus > ARM64_GICV2_MAX_CPUS)
		return err_input(err, -EINVAL,
				 "--cpus %u: a gicv2 serves at most %d",
				 config->cpus, ARM64_GICV2_MAX_CPUS);
	return 0;
}
