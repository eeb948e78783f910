/* vmm/config_same.c - whether two configurations are of one guest. */
#include "vmm/config_same.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "vmm/config.h"

/* What is compared, and what was found. */
struct pair {
	const struct config *own, *come; /* borrowed */
	struct err *err;
	int code; /* of the first difference; 0: there was none */
};

/* @option: without "--", and the key of its value that differs */
static void note_difference(struct pair *pair, const char *option,
			    const char *own, const char *come)
{
	if (pair->code == 0)
		pair->code = err_input(pair->err, -EXDEV,
				       "--%s: %s for the guest that comes, and "
				       "%s here",
				       option, come, own);
}

static void compare_texts(struct pair *pair, const char *option,
			  const char *own, const char *come)
{
	if (strcmp(own, come) != 0)
		note_difference(pair, option, *own ? own : "none",
				*come ? come : "none");
}

static void compare_numbers(struct pair *pair, const char *option, uint64_t own,
			    uint64_t come)
{
	char a[24], b[24];

	if (own == come)
		return;
	(void)snprintf(a, sizeof(a), "%" PRIu64, own);
	(void)snprintf(b, sizeof(b), "%" PRIu64, come);
	note_difference(pair, option, a, b);
}

/* How often an option was given. */
static void compare_counts(struct pair *pair, const char *option, size_t own,
			   size_t come)
{
	char a[32], b[32];

	if (own == come)
		return;
	(void)snprintf(a, sizeof(a), "given %zu times", own);
	(void)snprintf(b, sizeof(b), "given %zu times", come);
	note_difference(pair, option, a, b);
}

static void compare_sizes(struct pair *pair, const char *option, uint64_t own,
			  uint64_t come)
{
	char a[SIZE_TEXT], b[SIZE_TEXT];

	if (own != come)
		note_difference(pair, option, size_format(a, own),
				size_format(b, come));
}

static void compare_flags(struct pair *pair, const char *option, bool own,
			  bool come)
{
	if (own != come)
		note_difference(pair, option, own ? "given" : "not given",
				come ? "given" : "not given");
}

/* What a size is where the layout chose it shows in the regions. */
static void compare_memory(struct pair *pair)
{
	const struct config *own = pair->own, *come = pair->come;

	compare_counts(pair, "mem", own->mems, come->mems);
	for (size_t i = 0; pair->code == 0 && i < own->mems; i++) {
		const struct mem_spec *a = &own->mem[i], *b = &come->mem[i];

		if (!a->implied && !b->implied)
			compare_sizes(pair, "mem", a->size, b->size);
		if (a->placed && b->placed && a->at != b->at)
			note_difference(pair, "mem", a->word, b->word);
		compare_sizes(pair, "mem max", a->policy.max, b->policy.max);
		compare_sizes(pair, "mem block", a->policy.block,
			      b->policy.block);
	}
	compare_counts(pair, "rom", own->roms, come->roms);
	for (size_t i = 0; pair->code == 0 && i < own->roms; i++)
		if (own->rom[i].at != come->rom[i].at)
			note_difference(pair, "rom", own->rom[i].word,
					come->rom[i].word);
}

static const char *or_none(const char *text)
{
	return text ? text : "none";
}

static void compare_drives(struct pair *pair)
{
	const struct config *own = pair->own, *come = pair->come;

	compare_counts(pair, "disk", own->disks, come->disks);
	for (size_t i = 0; pair->code == 0 && i < own->disks; i++) {
		const struct disk_spec *a = &own->disk[i], *b = &come->disk[i];

		compare_flags(pair, "disk ro", a->ro, b->ro);
		compare_texts(pair, "disk serial", or_none(a->serial),
			      or_none(b->serial));
	}
	compare_counts(pair, "flash", own->flashes, come->flashes);
	for (size_t i = 0; pair->code == 0 && i < own->flashes; i++)
		compare_flags(pair, "flash ro", own->flash[i].ro,
			      come->flash[i].ro);
	compare_counts(pair, "share", own->shares, come->shares);
}

/* An address that is made of the machine's name comes with the guest. */
static void compare_cards(struct pair *pair)
{
	static const uint8_t none[ETH_ALEN];
	const struct net_specs *own = &pair->own->nets;
	const struct net_specs *come = &pair->come->nets;

	compare_counts(pair, "net", own->count, come->count);
	for (size_t i = 0; pair->code == 0 && i < own->count; i++) {
		const struct net_spec *a = &own->spec[i], *b = &come->spec[i];

		compare_numbers(pair, "net mtu", a->mtu, b->mtu);
		if (memcmp(a->mac, none, ETH_ALEN) != 0 &&
		    memcmp(b->mac, none, ETH_ALEN) != 0 &&
		    memcmp(a->mac, b->mac, ETH_ALEN) != 0)
			note_difference(pair, "net", a->word, b->word);
	}
}

static const char *console_name(enum console_kind kind)
{
	switch (kind) {
	case CONSOLE_VIRTIO:
		return "virtio";
	case CONSOLE_NONE:
		return "none";
	default:
		return "serial";
	}
}

static void compare_devices(struct pair *pair)
{
	const struct config *own = pair->own, *come = pair->come;

	compare_texts(pair, "console", console_name(own->console),
		      console_name(come->console));
	compare_flags(pair, "rng", own->rng, come->rng);
	compare_flags(pair, "power-button", own->power_button,
		      come->power_button);
	compare_flags(pair, "balloon", own->balloon.on, come->balloon.on);
	compare_flags(pair, "balloon reporting", own->balloon.reporting,
		      come->balloon.reporting);
	compare_flags(pair, "balloon deflate-on-oom",
		      own->balloon.deflate_on_oom,
		      come->balloon.deflate_on_oom);
}

static void compare_processors(struct pair *pair)
{
	const struct config *own = pair->own, *come = pair->come;

	compare_numbers(pair, "cpus", own->cpus, come->cpus);
	/* What "auto" means is judged when the state is loaded. */
	if (strcmp(own->irqchip, "auto") != 0 &&
	    strcmp(come->irqchip, "auto") != 0)
		compare_texts(pair, "irqchip", own->irqchip, come->irqchip);
	compare_flags(pair, "pmu", own->pmu, come->pmu);
	compare_flags(pair, "disable-mte", own->disable_mte, come->disable_mte);
	compare_flags(pair, "no-pvtime", own->kvmtool.no_pvtime,
		      come->kvmtool.no_pvtime);
	compare_numbers(pair, "sve-max-vl", own->kvmtool.sve_max_vl,
			come->kvmtool.sve_max_vl);
}

/* What boots when the guest restarts. */
static void compare_boot(struct pair *pair)
{
	const struct config *own = pair->own, *come = pair->come;

	compare_flags(pair, "kernel", own->kernel, come->kernel);
	compare_flags(pair, "initrd", own->initrd, come->initrd);
	compare_flags(pair, "dtb", own->dtb, come->dtb);
	compare_texts(pair, "cmdline", own->cmdline, come->cmdline);
}

int config_same_guest(const struct config *own, const struct config *come,
		      struct err *err)
{
	struct pair pair = { .own = own, .come = come, .err = err };

	compare_processors(&pair);
	compare_memory(&pair);
	compare_drives(&pair);
	compare_cards(&pair);
	compare_devices(&pair);
	compare_boot(&pair);
	return pair.code;
}
