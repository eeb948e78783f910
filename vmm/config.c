/* vmm/config.c - the words of `vmm run`, made into a configuration. */
#include "vmm/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/opt.h"
#include "base/size.h"
#include "vmm/balloon_words.h"
#include "vmm/cli.h"

#define MIB (UINT64_C(1) << 20)
#define DEFAULT_MEM (512 * MIB)
#define NAME_CHARS                   \
	"abcdefghijklmnopqrstuvwxyz" \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"0123456789._-"
#define NAME_MAX_LEN 63

/* What the words are gathered in. */
struct parse {
	struct config config; /* first: the table's offsets count from here */
	const char *word; /* the kernel, if given without --kernel */
};

_Static_assert(offsetof(struct parse, config.kvmtool) == 0,
	       "options of kvmtool_words.h count from the context");

int config_check_name(const char *name, struct err *err)
{
	if (strspn(name, NAME_CHARS) != strlen(name) ||
	    strchr("._-", *name)) /* the empty one, too */
		return err_input(err, -EINVAL,
				 "a name is letters, digits, '.', '_' and '-', "
				 "and begins with one of the first two");
	if (strlen(name) > NAME_MAX_LEN)
		return err_input(err, -EINVAL,
				 "a name has at most %d characters",
				 NAME_MAX_LEN);
	return 0;
}

static int set_machine_name(void *ctx, const struct cli_option *option,
			    const char *value, struct err *err)
{
	const int r = config_check_name(value, err);

	return r < 0 ? r : cli_set_string(ctx, option, value, err);
}

static int set_control(void *ctx, const struct cli_option *option,
		       const char *value, struct err *err)
{
	struct config *config = &((struct parse *)ctx)->config;

	(void)option;
	if (strcmp(value, "none") != 0 && !strchr(value, '/'))
		return err_input(err, -EINVAL,
				 "neither none nor a path with a '/' in it");
	config->control = value;
	return 0;
}

static int set_mem(void *ctx, const struct cli_option *option,
		   const char *value, struct err *err)
{
	struct config *config = &((struct parse *)ctx)->config;

	(void)option;
	return mem_words_add(config->mem, &config->mems, value, err);
}

/* The last '@' is the one: a file's name may have others. */
static int set_rom(void *ctx, const struct cli_option *option,
		   const char *value, struct err *err)
{
	struct config *config = &((struct parse *)ctx)->config;
	const char *at = strrchr(value, '@');
	struct rom_spec rom = { .word = value };

	(void)option;
	if (config->roms == CONFIG_MAX_ROMS)
		return err_input(err, -ENOSPC, "at most %d files of ROM",
				 CONFIG_MAX_ROMS);
	if (!at || at == value || size_parse(at + 1, 1, &rom.at) < 0)
		return err_input(err, -EINVAL,
				 "not a file and its address, as in "
				 "bios.bin@0x10000000");
	rom.path = strndup(value, (size_t)(at - value));
	if (!rom.path)
		return err_set(err, -ENOMEM, "out of memory");
	config->rom[config->roms++] = rom;
	return 0;
}

static int set_cpus(void *ctx, const struct cli_option *option,
		    const char *value, struct err *err)
{
	struct config *config = &((struct parse *)ctx)->config;
	uint64_t n = 0;
	const int r = number_parse(value, &n);

	(void)option;
	if (r == -EINVAL)
		return err_input(err, r, "not a number");
	if (r < 0 || n > CONFIG_MAX_CPUS)
		return err_input(err, -ERANGE, "at most %d", CONFIG_MAX_CPUS);
	if (n == 0)
		return err_input(err, -ERANGE, "at least 1");
	config->cpus = (unsigned)n;
	return 0;
}

static int set_disk(void *ctx, const struct cli_option *option,
		    const char *value, struct err *err)
{
	static const struct opt table[] = {
		OPT("path", OPT_STR, struct disk_spec, path, .required = true,
		    .first = true),
		OPT("ro", OPT_BOOL, struct disk_spec, ro),
		OPT("temp", OPT_BOOL, struct disk_spec, temp),
		OPT("direct", OPT_BOOL, struct disk_spec, direct),
		OPT("serial", OPT_STR, struct disk_spec, serial),
		OPT("format", OPT_STR, struct disk_spec, format),
	};
	struct config *config = &((struct parse *)ctx)->config;
	struct disk_spec *disk = &config->disk[config->disks];
	int r;

	(void)option;
	if (config->disks == CONFIG_MAX_DISKS)
		return err_input(err, -ENOSPC, "at most %d disks",
				 CONFIG_MAX_DISKS);
	config->disks++; /* config_finish() frees it, half-made or not */
	r = opt_parse_copy(table, sizeof(table) / sizeof(*table), value,
			   &disk->text, disk, err);
	if (r < 0)
		return r;
	if (disk->ro && disk->temp)
		return err_input(err, -EINVAL,
				 "ro, temp: a disk that the guest cannot write "
				 "has nothing that could vanish");
	if (disk->serial && strlen(disk->serial) > DISK_SERIAL_MAX)
		return err_input(err, -EINVAL,
				 "serial: at most %d characters, "
				 "as the guest is shown no more",
				 DISK_SERIAL_MAX);
	if (disk->format && strcmp(disk->format, "raw") != 0)
		return err_input(err, -EINVAL,
				 "format=%s: only raw images are taken; "
				 "'qemu-img convert -O raw' makes one",
				 disk->format);
	return 0;
}

static int set_flash(void *ctx, const struct cli_option *option,
		     const char *value, struct err *err)
{
	struct config *config = &((struct parse *)ctx)->config;

	(void)option;
	if (config->flashes == CONFIG_MAX_FLASHES)
		return err_input(err, -ENOSPC, "at most %d flashes",
				 CONFIG_MAX_FLASHES);
	return flash_words_parse(&config->flash[config->flashes++], value, err);
}

static int set_share(void *ctx, const struct cli_option *option,
		     const char *value, struct err *err)
{
	struct config *config = &((struct parse *)ctx)->config;

	(void)option;
	return share_words_add(config->share, &config->shares, value, err);
}

static int set_console_log(void *ctx, const struct cli_option *option,
			   const char *value, struct err *err)
{
	struct config *config = &((struct parse *)ctx)->config;

	(void)option;
	return console_log_words_parse(&config->console_log, value, err);
}

static int set_on_panic(void *ctx, const struct cli_option *option,
			const char *value, struct err *err)
{
	struct config *config = &((struct parse *)ctx)->config;

	(void)option;
	return panic_words_parse(&config->on_panic, value, err);
}

static int set_gdb(void *ctx, const struct cli_option *option,
		   const char *value, struct err *err)
{
	struct config *config = &((struct parse *)ctx)->config;

	(void)option;
	return gdb_words_parse(&config->gdb, value, err);
}

static int set_timeout(void *ctx, const struct cli_option *option,
		       const char *value, struct err *err)
{
	struct config *config = &((struct parse *)ctx)->config;
	const int r = duration_parse(value, &config->timeout_ns);

	(void)option;
	if (r == -ERANGE)
		return err_input(err, r, "too long");
	if (r < 0)
		return err_input(err, r, "not a duration, as in 10s or 500ms");
	return 0;
}

static int set_debug(void *ctx, const struct cli_option *option,
		     const char *value, struct err *err)
{
	(void)option;
	(void)value;
	(void)err;
	((struct parse *)ctx)->config.log_level = LOG_DEBUG;
	return 0;
}

static int set_kernel_word(void *ctx, const char *word, struct err *err)
{
	struct parse *parse = ctx;

	if (parse->word)
		return err_input(err, -EINVAL,
				 "'%s': the kernel is already '%s'", word,
				 parse->word);
	if (!*word)
		return err_input(err, -EINVAL, "'': a kernel needs a name");
	parse->word = word;
	return 0;
}

static const char *const console_words[] = { /* as in enum console_kind */
					     "serial", "virtio", "none", NULL
};
static const char *const terminal_words[] = { /* as in enum terminal_kind */
					      "stdio", "socket", NULL
};
static const char *const dirty_log_words[] = { /* as in enum dirty_log_kind */
					       "auto", "bitmap", "clear",
					       "ring", NULL
};
static const char *const log_words[] = { /* as in enum log_level */
					 "error", "warning", "info", "debug",
					 NULL
};

#define TO(member, fn) \
	.offset = offsetof(struct parse, config.member), .set = fn

// clang-format off
static const struct cli_option run_options[] = {
	{ .help = "What boots" },
	{ .name = "kernel", .letter = 'k', .arg = "FILE",
	  .help = "kernel: Image, Image.gz, EFI zboot, ELF, or flat",
	  TO(kernel, cli_set_string), .unset = cli_unset_string },
	{ .name = "initrd", .letter = 'i', .arg = "FILE",
	  .help = "initial RAM disk; any file",
	  TO(initrd, cli_set_string), .unset = cli_unset_string },
	{ .name = "cmdline", .arg = "TEXT",
	  .help = "kernel command line, handed over as it is",
	  TO(cmdline, cli_set_text) },
	{ .name = "params", .letter = 'p', .arg = "TEXT",
	  .help = "another name of --cmdline",
	  TO(cmdline, cli_set_text) },
	{ .name = "firmware", .letter = 'f', .arg = "FILE",
	  .help = "boot this flat image instead of a kernel",
	  TO(firmware, cli_set_string), .unset = cli_unset_string },
	{ .name = "dtb", .arg = "FILE",
	  .help = "hand over this device tree instead of writing one",
	  TO(dtb, cli_set_string) },
	{ .name = "dump-dtb", .arg = "FILE",
	  .help = "write the device tree to FILE, and go on",
	  TO(dump_dtb, cli_set_string), .unset = cli_unset_string },

	{ .help = "The machine" },
	{ .name = "cpus", .letter = 'c', .arg = "N",
	  .help = "virtual CPUs, 1 to 64 (default 1)",
	  .set = set_cpus },
	{ .name = "mem", .letter = 'm', .arg = "SIZE[@ADDRESS][,KEY=VALUE]...",
	  .help = "memory (default 512M, or what the architecture\n"
		  "has room for); a bare number is in MiB.\n"
		  "Repeat it for memory in several pieces. KEYs:\n"
		  "backing=anon|memfd|file:PATH  where it comes from\n"
		  "share=on|off     memfd and file: others see writes\n"
		  "huge=off|thp|2M  huge pages: none, transparent, or\n"
		  "                 of a size, from the host's pool\n"
		  "prealloc=on|off  take all of it before the start\n"
		  "reserve=on|off   have the host promise it\n"
		  "lock=on|off      never swap out what is touched\n"
		  "merge=on|off     share equal pages (KSM)\n"
		  "node=N           of this NUMA node alone\n"
		  "dump=on|off      part of a core dump of vmm\n"
		  "max=SIZE         it can grow to, by 'vmm mem --size'\n"
		  "block=SIZE       in steps of (default 2M or more)",
	  .set = set_mem },
	{ .name = "rom", .arg = "FILE@ADDRESS",
	  .help = "read-only memory with the content of FILE; repeat\n"
		  "it for more",
	  .set = set_rom },
	{ .name = "irqchip", .arg = "auto|gicv2|gicv3|gicv3-its|goldfish-pic",
	  .help = "interrupt controller; MIPS has goldfish-pic alone\n"
		  "(default auto: the best there is)",
	  TO(irqchip, cli_set_string) },
	{ .name = "dirty-log", .arg = "auto|bitmap|clear|ring",
	  .help = "how KVM logs which pages the guest writes, once\n"
		  "somebody asks (default auto: the best that costs\n"
		  "nothing before)",
	  .words = dirty_log_words, TO(dirty_log, cli_set_word) },
	{ .name = "pmu", .help = "give the guest performance counters",
	  TO(pmu, cli_set_true), .unset = cli_unset_bool },
	{ .name = "disable-mte",
	  .help = "no memory tags (arm64), where the host has them",
	  TO(disable_mte, cli_set_true) },

	{ .help = "Devices" },
	{ .name = "disk", .letter = 'd', .arg = "FILE[,KEY[=VALUE]]...",
	  .help = "disk with a raw image, or a block device; repeat it\n"
		  "for more. A comma in FILE is written twice. KEYs:\n"
		  "ro               the guest cannot write it\n"
		  "temp             what it writes vanishes with it, and\n"
		  "                 FILE is only read: it may be shared\n"
		  "direct           do not use the host's page cache\n"
		  "serial=S         its serial number\n"
		  "format=raw       even if it looks like another format",
	  .set = set_disk },
	{ .name = "flash", .letter = 'F', .arg = "FILE[,ro]",
	  .help = "CFI flash with the bytes of FILE, whose size is a\n"
		  "power of two, 64K to 16M; at most two, which are\n"
		  "16M together",
	  .set = set_flash },
	{ .name = "share", .arg = "DIR[,KEY[=VALUE]]...",
	  .help = "folder of the host, by virtio-fs; repeat it for more.\n"
		  "A comma in DIR is written twice. KEYs:\n"
		  "tag=T            its name to the guest (share)\n"
		  "rw               the guest can write it\n"
		  "ro               it cannot (default)\n"
		  "uid=map|same     yours are root's (default), or all\n"
		  "                 owners are as they are",
	  .set = set_share },
	{ .name = "console", .arg = "serial|virtio|none",
	  .help = "what the terminal is to the guest: ttyS0\n"
		  "(default), hvc0, or nothing",
	  .words = console_words, TO(console, cli_set_word) },
	{ .name = "terminal", .arg = "stdio|socket",
	  .help = "the console is standard input and output\n"
		  "(default), or waits for 'vmm console NAME'",
	  .words = terminal_words, TO(terminal, cli_set_word) },
	{ .name = "rng", .help = "give the guest the host's random numbers",
	  TO(rng, cli_set_true), .unset = cli_unset_bool },
	{ .name = "balloon", .arg = "SIZE[,KEY=on|off]...", .optional = true,
	  .help = "let the guest give memory back to the host, and\n"
		  "shrink it to SIZE. KEYs:\n"
		  "reporting        it reports free memory\n"
		  "deflate-on-oom   it takes memory back in need",
	  TO(balloon, balloon_words_set), .unset = balloon_words_unset },
	{ .name = "power-button",
	  .help = "give the guest one, that 'vmm stop NAME' presses",
	  TO(power_button, cli_set_true) },
	{ .name = "net", .arg = "user|tap[=IF]|unix:PATH|none[,KEY=VALUE]...",
	  .help = "network card; repeat it for more. user: the host's\n"
		  "connections, by passt; tap: an interface; unix:\n"
		  "frames in QEMU's form to who listens at PATH. KEYs:\n"
		  "hostfwd=tcp|udp:[ADDRESS:]PORT:PORT  the second one\n"
		  "                 is the guest's (user); repeat it\n"
		  "mac=ADDRESS      its address (default: by --name)\n"
		  "mtu=BYTES        the largest packet, as it is told",
	  TO(nets, net_words_set), .unset = net_words_unset },
	{ .name = "network", .letter = 'n', .arg = "mode=user|tap|none,...",
	  .help = "the same, as kvmtool says it",
	  TO(nets, net_words_set_kvmtool) },

	{ .help = "The run" },
	{ .name = "name", .arg = "NAME", .help = "name of the virtual machine",
	  TO(name, set_machine_name) },
	{ .name = "control", .arg = "PATH|none",
	  .help = "where to listen for 'vmm list', 'vmm stop', ...\n"
		  "(default: where those look for NAME)",
	  .set = set_control },
	{ .name = "console-log", .arg = "FILE[,max=SIZE]",
	  .help = "write what the guest says there, too; max: keep the\n"
		  "last of it, in FILE.1 and FILE",
	  .set = set_console_log },
	{ .name = "on-panic", .arg = "exit|pause|dump=FILE",
	  .help = "what follows a panic, which the guest's pvpanic or\n"
		  "console tells: end with status 4, wait for\n"
		  "commands, or write a core and end",
	  .set = set_on_panic },
	{ .name = "incoming", .arg = "URI|defer",
	  .help = "do not boot: take the guest of this configuration\n"
		  "that 'vmm migrate' sends to URI; defer: to the URI\n"
		  "of the command migrate-incoming (QMP)",
	  TO(await, cli_set_string) },
	{ .name = "gdb", .arg = "PATH|PORT[,wait]",
	  .help = "let gdb connect to a socket, or to a port of\n"
		  "loopback; wait: the guest begins when gdb says so",
	  .set = set_gdb },
	{ .name = "no-reboot",
	  .help = "end with status 3 when the guest restarts",
	  TO(no_reboot, cli_set_true) },
	{ .name = "timeout", .arg = "DURATION",
	  .help = "end with status 124 after 10s, 500ms, 2m, ...;\n"
		  "0: never",
	  .set = set_timeout },
	{ .name = "loglevel", .arg = "error|warning|info|debug",
	  .help = "how much to say on the standard error\n"
		  "(default warning)",
	  .words = log_words, TO(log_level, cli_set_word) },
	{ .name = "debug", .help = "the same as --loglevel debug",
	  .set = set_debug },
};
// clang-format on

const struct cli_command config_command = {
	.name = "run",
	.summary = "Run a guest",
	.usage = "[OPTION]... [KERNEL]",
	.options = run_options,
	.option_count = sizeof(run_options) / sizeof(*run_options),
	.more = kvmtool_options,
	.more_count = KVMTOOL_OPTIONS,
	.refusals = kvmtool_refusals,
	.givens = offsetof(struct parse, config.givens),
	.word = set_kernel_word,
	.notes = "Leave a running guest with Ctrl-a x.\n"
		 "\n"
		 "Exit status: 0 the guest powered off, 1 the VMM failed, 2 "
		 "bad\n"
		 "usage, 3 reset under --no-reboot, 4 the guest crashed, 124\n"
		 "--timeout passed, 128+N ended by signal N.\n"
		 "\n"
		 "Examples:\n"
		 "  vmm run --kernel Image --mem 2G --initrd initrd.img\n"
		 "  vmm run Image -c 4 -d root.img,ro -p 'root=/dev/vda "
		 "console=ttyS0'\n",
};

static int check_balloon(const struct config *config, struct err *err)
{
	uint64_t left = config->balloon.size;
	char size[SIZE_TEXT];

	for (size_t i = 0; i < config->mems; i++) {
		if (left <= config->mem[i].size)
			return 0;
		left -= config->mem[i].size;
	}
	return err_input(err, -EINVAL,
			 "--balloon=%s: the guest has not so much memory",
			 size_format(size, config->balloon.size));
}

static int check_config(struct parse *parse, struct err *err)
{
	struct config *config = &parse->config;

	if (parse->word && config->kernel)
		return err_input(err, -EINVAL,
				 "'%s': the kernel is already '%s'",
				 parse->word, config->kernel);
	if (parse->word)
		config->kernel = parse->word;
	if (config->kernel && config->firmware)
		return err_input(
			err, -EINVAL,
			"--firmware %s: there is a kernel, too ('%s'); "
			"only one of them can boot",
			config->firmware, config->kernel);
	if (!config->kernel && !config->firmware)
		return err_input(err, -EINVAL,
				 "nothing to boot: give --kernel FILE or "
				 "--firmware FILE");
	if (config->kvmtool.firmware_placed && !config->firmware)
		return err_input(err, -EINVAL,
				 "--firmware-address: there is no --firmware");
	if (config->terminal == TERMINAL_SOCKET &&
	    config->console == CONSOLE_NONE)
		return err_input(err, -EINVAL,
				 "--terminal socket: there is no console, as "
				 "--console none was given");
	if (config->terminal == TERMINAL_SOCKET && config->control &&
	    !strcmp(config->control, "none"))
		return err_input(err, -EINVAL,
				 "--terminal socket: there is no socket, as "
				 "--control none was given");
	if (config->console_log.path && config->console == CONSOLE_NONE)
		return err_input(err, -EINVAL,
				 "--console-log: with --console none the guest "
				 "says nothing");
	if (config->await && !strcmp(config->await, "defer") &&
	    config->control && !strcmp(config->control, "none"))
		return err_input(err, -EINVAL,
				 "--incoming defer: there is no socket, as "
				 "--control none was given");
	if (!config->mems)
		config->mem[config->mems++] = (struct mem_spec){
			.size = DEFAULT_MEM, .implied = true, .word = "512M"
		};
	return check_balloon(config, err);
}

int config_parse(struct config *ret, int argc, char *const argv[],
		 struct err *err)
{
	struct parse parse = { .config = { .cmdline = "",
					   .cpus = 1,
					   .irqchip = "auto",
					   .console = CONSOLE_BOARD,
					   .log_level = LOG_WARN } };
	int r = cli_parse(&config_command, argc, argv, &parse, err);

	if (r == 0)
		r = check_config(&parse, err);
	if (r != 0)
		config_finish(&parse.config);
	else
		*ret = parse.config;
	return r;
}

void config_finish(struct config *config)
{
	for (size_t i = 0; i < config->mems; i++)
		mem_words_finish(&config->mem[i]);
	console_log_words_finish(&config->console_log);
	gdb_words_finish(&config->gdb);
	for (size_t i = 0; i < config->roms; i++)
		free(config->rom[i].path);
	for (size_t i = 0; i < config->disks; i++) {
		if (config->disk[i].copied)
			(void)close(config->disk[i].fd);
		free(config->disk[i].file);
		free(config->disk[i].text);
	}
	for (size_t i = 0; i < config->flashes; i++)
		flash_words_finish(&config->flash[i]);
	for (size_t i = 0; i < config->shares; i++)
		share_words_finish(&config->share[i]);
	net_specs_finish(&config->nets);
	memset(config, 0, sizeof(*config));
}
