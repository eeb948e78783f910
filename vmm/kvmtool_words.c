/* vmm/kvmtool_words.c - words of kvmtool's command line that `vmm run` takes,
 * or refuses with a reason. */
#include "vmm/kvmtool_words.h"

#include <errno.h>
#include <string.h>

#include "base/size.h"

/* Source: Arm ARM, ZCR_ELx.LEN: vectors of 128 to 2048 bits. */
#define SVE_STEP 128
#define SVE_MAX 2048

static int set_firmware_address(void *ctx, const struct cli_option *option,
				const char *value, struct err *err)
{
	struct kvmtool_words *words = ctx;
	const int r = size_parse(value, 1, &words->firmware_at);

	(void)option;
	if (r < 0)
		return err_input(err, r,
				 "not an address, as in 0x80200000 or 2G");
	words->firmware_placed = true;
	return 0;
}

/* Reads "N" or "N-M" at *s, and moves *s behind it. */
static int add_processors(const char **s, cpu_set_t *set)
{
	uint64_t first, last;
	const char *end = number_scan(*s, &first);

	if (!end || **s == ' ' || **s == '\t')
		return -EINVAL;
	last = first;
	if (*end == '-' && end[1] != ' ' && end[1] != '\t')
		end = number_scan(end + 1, &last);
	if (!end)
		return -EINVAL;
	if (last < first || last >= CPU_SETSIZE)
		return -ERANGE;
	for (uint64_t i = first; i <= last; i++)
		CPU_SET((size_t)i, set);
	*s = end;
	return 0;
}

static int set_affinity(void *ctx, const struct cli_option *option,
			const char *value, struct err *err)
{
	struct kvmtool_words *words = ctx;
	const char *s = value;
	cpu_set_t set;
	int r;

	(void)option;
	CPU_ZERO(&set);
	do
		r = add_processors(&s, &set);
	while (r == 0 && *s == ',' && *++s);
	if (r == -ERANGE)
		return err_input(err, r,
				 "processors are numbered from 0 to %d, the "
				 "lower one first",
				 CPU_SETSIZE - 1);
	if (r < 0 || *s || s[-1] == ',')
		return err_input(err, -EINVAL,
				 "not a list of processors, as in 0-3,6");
	words->affinity = set;
	words->affinity_word = value;
	return 0;
}

static int set_sve_max_vl(void *ctx, const struct cli_option *option,
			  const char *value, struct err *err)
{
	uint64_t bits = 0;

	(void)option;
	if (number_parse(value, &bits) < 0 || bits == 0 || bits > SVE_MAX ||
	    bits % SVE_STEP != 0)
		return err_input(err, -EINVAL,
				 "not a number of bits: a multiple of %d, up "
				 "to %d",
				 SVE_STEP, SVE_MAX);
	((struct kvmtool_words *)ctx)->sve_max_vl = (unsigned)bits;
	return 0;
}

static int set_kaslr_seed(void *ctx, const struct cli_option *option,
			  const char *value, struct err *err)
{
	struct kvmtool_words *words = ctx;
	const int r = number_parse(value, &words->kaslr_seed);

	(void)option;
	if (r < 0)
		return err_input(err, r, "not a number of 64 bits");
	words->kaslr_seeded = true;
	return 0;
}

static int set_transport(void *ctx, const struct cli_option *option,
			 const char *value, struct err *err)
{
	(void)ctx;
	(void)option;
	if (!strcmp(value, "mmio"))
		return 0;
	if (!strcmp(value, "mmio-legacy"))
		return err_input(err, -EINVAL,
				 "virtio devices are of version 1 here, which "
				 "Linux 4.0 and later drive; use mmio");
	if (!strcmp(value, "pci") || !strcmp(value, "pci-legacy"))
		return err_input(err, -EINVAL, "there is no PCI; use mmio");
	return err_input(err, -EINVAL, "only mmio is taken");
}

static int set_device(void *ctx, const struct cli_option *option,
		      const char *value, struct err *err)
{
	(void)ctx;
	(void)option;
	if (strcmp(value, "/dev/kvm") != 0)
		return err_input(err, -EINVAL, "only /dev/kvm is taken");
	return 0;
}

static int set_nothing(void *ctx, const struct cli_option *option,
		       const char *value, struct err *err)
{
	(void)ctx;
	(void)option;
	(void)value;
	(void)err;
	return 0;
}

#define TO(member, fn) \
	.offset = offsetof(struct kvmtool_words, member), .set = fn

// clang-format off
const struct cli_option kvmtool_options[KVMTOOL_OPTIONS] = {
	{ .help = "As kvmtool has them" },
	{ .name = "firmware-address", .arg = "ADDRESS",
	  .help = "where --firmware is loaded and entered (default:\n"
		  "where memory begins)",
	  .set = set_firmware_address },
	{ .name = "hugetlbfs", .arg = "DIR",
	  .help = "memory without huge= has huge pages of the size\n"
		  "that DIR has",
	  TO(hugetlbfs, cli_set_string) },
	{ .name = "vcpu-affinity", .arg = "LIST",
	  .help = "host processors that run virtual CPUs, as in\n"
		  "0-3,6",
	  .set = set_affinity },
	{ .name = "no-pvtime", .help = "do not tell the guest of stolen time",
	  TO(no_pvtime, cli_set_true) },
	{ .name = "sve-max-vl", .arg = "BITS",
	  .help = "SVE vectors of at most so many bits",
	  .set = set_sve_max_vl },
	{ .name = "kaslr-seed", .arg = "N",
	  .help = "seed of the kernel's address (default: random)",
	  .set = set_kaslr_seed },
	{ .name = "virtio-transport", .arg = "mmio",
	  .help = "changes nothing: there is no other",
	  .set = set_transport },
	{ .name = "dev", .arg = "/dev/kvm",
	  .help = "changes nothing: there is no other",
	  .set = set_device },
	{ .name = "nodefaults",
	  .help = "changes nothing: no device is there unasked",
	  .set = set_nothing },
	{ .name = "nocompat", .help = "changes nothing: there is no warning",
	  .set = set_nothing },
	{ .name = "no-dhcp",
	  .help = "changes nothing: no command line is added to",
	  .set = set_nothing },
};
// clang-format on

#define NO_DISPLAY "there is no display; the console is the terminal"
#define NO_PCI "there is no PCI"
#define NO_9P "folders are shared by virtio-fs: see --share DIR,tag=TAG"

const struct cli_refusal kvmtool_refusals[] = {
	{ "9p", NO_9P },
	{ "aarch32", "guests have 64 bits here" },
	{ "debug-iodelay", "there is no such delay" },
	{ "debug-ioport", "--loglevel debug tells of accesses that no device "
			  "takes" },
	{ "debug-mmio", "--loglevel debug tells of accesses that no device "
			"takes" },
	{ "debug-single-step", "guests cannot be run step by step" },
	{ "force-pci", NO_PCI },
	{ "gtk", NO_DISPLAY },
	{ "guest-mac", "use --net BACKEND,mac=ADDRESS" },
	{ "host-ip-addr", "the interface's address is the host's to set" },
	{ "override-bad-firmware-cntfrq",
	  "the guest reads the frequency of its clock from CNTFRQ_EL0, which "
	  "the host's firmware has to set" },
	{ "realm", "there are no confidential guests" },
	{ "restricted_mem", "there are no confidential guests" },
	{ "sandbox", "there is no root file system of the VMM's own; have an "
		     "init of the guest run the script" },
	{ "sdl", NO_DISPLAY },
	{ "shmem", NO_PCI },
	{ "tapscript", "no program is run; use --net tap=INTERFACE" },
	{ "tty", "there is one console; --terminal socket puts it behind "
		 "'vmm console'" },
	{ "vfio-pci", NO_PCI },
	{ "vidmode", NO_DISPLAY },
	{ "virtio-legacy", "virtio devices are of version 1 here, which Linux "
			   "4.0 and later drive" },
	{ "vnc", NO_DISPLAY },
	{ NULL, NULL },
};
