/* tests/unit/test_config.c - vmm/config.c and the parser below it. */
#include <errno.h>
#include <string.h>

#include "tests/unit/config_words.h"

static void parse__a_kernel_is_all_it_needs(void **state)
{
	struct config c;

	(void)state;
	TAKEN(&c, "--kernel", "Image");
	assert_string_equal(c.kernel, "Image");
	assert_int_equal(c.mems, 1);
	assert_int_equal(c.mem[0].size, 512 * MIB);
	assert_false(c.mem[0].placed);
	assert_int_equal(c.cpus, 1);
	assert_string_equal(c.cmdline, "");
	assert_string_equal(c.irqchip, "auto");
	assert_int_equal(c.console, CONSOLE_BOARD);
	assert_int_equal(c.log_level, LOG_WARN);
	assert_int_equal(c.timeout_ns, 0);
	assert_null(c.initrd);
	assert_null(c.dtb);
	assert_null(c.dump_dtb);
	assert_null(c.firmware);
	assert_null(c.name);
	assert_int_equal(c.disks, 0);
	assert_false(c.rng || c.pmu || c.no_reboot || c.power_button);
	config_finish(&c);
}

static void parse__a_word_is_the_kernel(void **state)
{
	struct config c;

	(void)state;
	TAKEN(&c, "-c", "2", "Image", "--rng");
	assert_string_equal(c.kernel, "Image");
	assert_int_equal(c.cpus, 2);
	assert_true(c.rng);
	config_finish(&c);
	TAKEN(&c, "--", "--odd-name");
	assert_string_equal(c.kernel, "--odd-name");
	config_finish(&c);
	TAKEN(&c, "-");
	assert_string_equal(c.kernel, "-");
	config_finish(&c);
	REFUSED("'b': the kernel is already 'a'", "a", "b");
	REFUSED("'b': the kernel is already 'a'", "b", "-k", "a");
	REFUSED("'': a kernel needs a name", "");
}

static void parse__all_options_at_once(void **state)
{
	struct config c;

	(void)state;
	TAKEN(&c, "--kernel=K", "--initrd=I", "--cmdline=a b=c", "--dump-dtb=O",
	      "--cpus=64", "--mem=2G", "--irqchip=gicv2", "--dirty-log=ring",
	      "--pmu", "--disable-mte", "--console=virtio", "--rng",
	      "--name=a-1", "--no-reboot", "--power-button", "--timeout=1500ms",
	      "--loglevel=debug");
	assert_string_equal(c.kernel, "K");
	assert_string_equal(c.initrd, "I");
	assert_string_equal(c.cmdline, "a b=c");
	assert_string_equal(c.dump_dtb, "O");
	assert_int_equal(c.cpus, 64);
	assert_int_equal(c.mem[0].size, 2 * GIB);
	assert_string_equal(c.mem[0].word, "2G");
	assert_string_equal(c.irqchip, "gicv2");
	assert_int_equal(c.dirty_log, DIRTY_LOG_RING);
	assert_int_equal(c.console, CONSOLE_VIRTIO);
	assert_string_equal(c.name, "a-1");
	assert_true(c.rng && c.pmu && c.disable_mte);
	assert_true(c.no_reboot && c.power_button);
	assert_int_equal(c.timeout_ns, UINT64_C(1500000000));
	assert_int_equal(c.log_level, LOG_DEBUG);
	config_finish(&c);
}

static void parse__short_options_attached_or_apart(void **state)
{
	struct config c;

	(void)state;
	TAKEN(&c, "-kK", "-i", "I", "-px y", "-m", "256", "-c4", "-nnone");
	assert_string_equal(c.kernel, "K");
	assert_string_equal(c.initrd, "I");
	assert_string_equal(c.cmdline, "x y");
	assert_int_equal(c.mem[0].size, 256 * MIB);
	assert_int_equal(c.cpus, 4);
	config_finish(&c);
}

static void parse__kvmtool_command_lines_work(void **state)
{
	struct config c;

	(void)state;
	TAKEN(&c, "--nodefaults", "--network", "mode=none",
	      "--loglevel=warning", "--kernel", "F", "--initrd", "E",
	      "--params", "selftest \"setup\"", "--cpus", "8", "--mem", "256",
	      "--console", "serial", "--irqchip=gicv3", "--pmu");
	assert_string_equal(c.cmdline, "selftest \"setup\"");
	assert_int_equal(c.mem[0].size, 256 * MIB);
	assert_int_equal(c.log_level, LOG_WARN);
	assert_string_equal(c.irqchip, "gicv3");
	config_finish(&c);
	TAKEN(&c, "-f", "FW", "-n", "none", "-m1024");
	assert_string_equal(c.firmware, "FW");
	assert_null(c.kernel);
	assert_int_equal(c.mem[0].size, GIB);
	config_finish(&c);
}

static void parse__the_last_of_an_option_wins(void **state)
{
	struct config c;

	(void)state;
	TAKEN(&c, "-k", "a", "-k", "b", "-p", "x", "--cmdline", "", "-c1",
	      "--cpus", "3");
	assert_string_equal(c.kernel, "b");
	assert_string_equal(c.cmdline, "");
	assert_int_equal(c.cpus, 3);
	config_finish(&c);
}

static void parse__something_must_boot_and_one_thing_only(void **state)
{
	(void)state;
	REFUSED("nothing to boot: give --kernel FILE or --firmware FILE");
	REFUSED("--firmware F: there is a kernel, too ('K'); "
		"only one of them can boot",
		"-f", "F", "K");
}

static void option__unknown_is_refused_with_the_closest(void **state)
{
	(void)state;
	REFUSED("unknown option '--kernle' (did you mean '--kernel'?)",
		"--kernle", "x");
	REFUSED("unknown option '--kernle' (did you mean '--kernel'?)",
		"--kernle=x");
	REFUSED("unknown option '-kernel' (did you mean '--kernel'?)",
		"-kernel", "x");
	REFUSED("unknown option '--hlep' (did you mean '--help'?)", "--hlep");
	REFUSED("unknown option '--quux'", "--quux");
	REFUSED("unknown option '--'", "--=");
	REFUSED("unknown option '-z'", "-z");
	REFUSED("unknown option "
		"'--a-name-that-is-longer-than-any-option-there-could-be'",
		"--a-name-that-is-longer-than-any-option-there-could-be");
}

static void option__is_abbreviated_as_long_as_it_is_unique(void **state)
{
	struct config c;

	(void)state;
	TAKEN(&c, "--kern", "K", "--ini=I", "--pow", "--b", "--no-re");
	assert_string_equal(c.kernel, "K");
	assert_string_equal(c.initrd, "I");
	assert_true(c.power_button && c.balloon.on && c.no_reboot);
	config_finish(&c);
	REFUSED("'--c' could be --cmdline or --cpus", "--c", "x");
	REFUSED("'--k' could be --kernel or --kaslr-seed", "--k=x");
	REFUSED("'--no-r' could be --no-rng or --no-reboot", "K", "--no-r");
	REFUSED("--kernel needs a value", "--kernel");
	/* A whole name is itself, whatever it begins. */
	TAKEN(&c, "K", "--dev", "/dev/kvm", "--mem", "1G");
	config_finish(&c);
}

static void option__no_takes_back_what_was_given(void **state)
{
	struct config c;

	(void)state;
	TAKEN(&c, "K", "--rng", "--pmu", "--balloon=64M", "--initrd", "I",
	      "--no-rng", "--no-pmu", "--no-balloon", "--no-initrd");
	assert_false(c.rng || c.pmu || c.balloon.on);
	assert_null(c.initrd);
	config_finish(&c);
	TAKEN(&c, "K", "--no-rng", "--rng", "--no-ball");
	assert_true(c.rng);
	config_finish(&c);
	REFUSED("--no-rng takes no value", "K", "--no-rng=on");
	REFUSED("unknown option '--no-mem'", "K", "--no-mem");
	REFUSED("unknown option '--no-help' (did you mean '--no-dhcp'?)", "K",
		"--no-help");
}

static void option__a_value_must_be_there_only_if_one_is_taken(void **state)
{
	(void)state;
	REFUSED("--kernel needs a value", "--kernel");
	REFUSED("-k needs a value", "-k");
	REFUSED("--pmu takes no value", "--pmu=on");
	REFUSED("--help takes no value", "--help=run");
	REFUSED("--kernel '': must not be empty", "--kernel=");
	REFUSED("--initrd '': must not be empty", "--initrd", "");
}

static void cpus__from_1_to_64(void **state)
{
	struct config c;

	(void)state;
	TAKEN(&c, "K", "--cpus", "1");
	config_finish(&c);
	TAKEN(&c, "K", "--cpus", "64");
	config_finish(&c);
	REFUSED("--cpus 0: at least 1", "--cpus", "0");
	REFUSED("--cpus 65: at most 64", "--cpus", "65");
	REFUSED("-c 18446744073709551617: at most 64", "-c",
		"18446744073709551617");
	REFUSED("--cpus four: not a number", "--cpus", "four");
	REFUSED("--cpus 4x: not a number", "--cpus", "4x");
	REFUSED("--cpus '': not a number", "--cpus", "");
}

static void disk__path_and_flags(void **state)
{
	struct config c;

	(void)state;
	TAKEN(&c, "K", "-d", "root.img", "--disk",
	      "/a,,b=c.img,ro,direct,serial=S-1,format=raw");
	assert_int_equal(c.disks, 2);
	assert_string_equal(c.disk[0].path, "root.img");
	assert_false(c.disk[0].ro || c.disk[0].direct);
	assert_null(c.disk[0].serial);
	assert_null(c.disk[0].format);
	assert_string_equal(c.disk[1].path, "/a,b=c.img");
	assert_true(c.disk[1].ro && c.disk[1].direct);
	assert_string_equal(c.disk[1].serial, "S-1");
	assert_string_equal(c.disk[1].format, "raw");
	assert_false(c.disk[0].temp || c.disk[1].temp);
	config_finish(&c);
	TAKEN(&c, "K", "-d", "root.img,temp");
	assert_true(c.disk[0].temp);
	config_finish(&c);
}

static void disk__nonsense_is_refused(void **state)
{
	(void)state;
	REFUSED("--disk a,rx: unknown key 'rx' (did you mean 'ro'?)", "--disk",
		"a,rx");
	REFUSED("-d a,serial=123456789012345678901: serial: at most 20 "
		"characters, as the guest is shown no more",
		"-d", "a,serial=123456789012345678901");
	REFUSED("--disk a,ro,temp: ro, temp: a disk that the guest cannot "
		"write has nothing that could vanish",
		"--disk", "a,ro,temp");
	REFUSED("--disk a,format=qcow2: format=qcow2: only raw images are "
		"taken; 'qemu-img convert -O raw' makes one",
		"--disk", "a,format=qcow2");
}

static void disk__too_many_are_refused(void **state)
{
	struct config c;
	struct err err;

	(void)state;
	assert_int_equal(parse_repeated(&c, &err, "-da", CONFIG_MAX_DISKS), 0);
	assert_int_equal(c.disks, CONFIG_MAX_DISKS);
	config_finish(&c);
	assert_int_equal(parse_repeated(&c, &err, "-da", CONFIG_MAX_DISKS + 1),
			 -ENOSPC);
	assert_string_equal(err.msg, "-d a: at most 16 disks");
	assert_true(err.input);
}

static void flash__path_and_ro(void **state)
{
	struct config c;

	(void)state;
	TAKEN(&c, "K", "--flash", "a,,b.fd,ro", "-Fvars.fd");
	assert_int_equal(c.flashes, 2);
	assert_string_equal(c.flash[0].path, "a,b.fd");
	assert_true(c.flash[0].ro);
	assert_string_equal(c.flash[1].path, "vars.fd");
	assert_false(c.flash[1].ro);
	config_finish(&c);
}

static void flash__nonsense_and_a_third_are_refused(void **state)
{
	(void)state;
	REFUSED("--flash a,r: unknown key 'r' (did you mean 'ro'?)", "--flash",
		"a,r");
	REFUSED("--flash '': path is missing", "--flash", "");
	REFUSED("--flash c: at most 2 flashes", "--flash", "a", "--flash", "b",
		"--flash", "c");
}

static void console__only_what_there_is(void **state)
{
	struct config c;

	(void)state;
	TAKEN(&c, "K", "--console", "none");
	assert_int_equal(c.console, CONSOLE_NONE);
	config_finish(&c);
	REFUSED("--console serail: not one of serial, virtio, none "
		"(did you mean 'serial'?)",
		"--console", "serail");
	REFUSED("--console hv: not one of serial, virtio, none", "--console",
		"hv");
	REFUSED("--dirty-log on: not one of auto, bitmap, clear, ring",
		"--dirty-log", "on");
	REFUSED("--loglevel warn: not one of error, warning, info, debug "
		"(did you mean 'warning'?)",
		"--loglevel", "warn");
}

static void timeout__is_a_duration(void **state)
{
	struct config c;

	(void)state;
	TAKEN(&c, "K", "--timeout", "2m");
	assert_int_equal(c.timeout_ns, UINT64_C(120000000000));
	config_finish(&c);
	TAKEN(&c, "K", "--timeout", "10");
	assert_int_equal(c.timeout_ns, UINT64_C(10000000000));
	config_finish(&c);
	REFUSED("--timeout soon: not a duration, as in 10s or 500ms",
		"--timeout", "soon");
	REFUSED("--timeout 99999999999h: too long", "--timeout",
		"99999999999h");
}

static void name__could_be_a_file(void **state)
{
	static const char sentence[] =
		": a name is letters, digits, '.', '_' and '-', "
		"and begins with one of the first two";
	static const char *const bad[] = { "../x", ".", "-x", "a b", "a\n" };
	struct config c;
	struct err err;
	char name[65];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(PARSE(&c, &err, "K", "--name", bad[i]),
				 -EINVAL);
		assert_non_null(strstr(err.msg, sentence));
	}
	memset(name, 'a', 63);
	name[63] = '\0';
	assert_int_equal(PARSE(&c, &err, "K", "--name", name), 0);
	config_finish(&c);
	name[63] = 'a';
	name[64] = '\0';
	assert_int_equal(PARSE(&c, &err, "K", "--name", name), -EINVAL);
	assert_non_null(strstr(err.msg, "at most 63 characters"));
}

static void control__is_a_path_or_none(void **state)
{
	struct config c;
	struct err err = { 0 };

	(void)state;
	TAKEN(&c, "K");
	assert_null(c.control);
	TAKEN(&c, "K", "--control", "none");
	assert_string_equal(c.control, "none");
	TAKEN(&c, "K", "--control=./s");
	assert_string_equal(c.control, "./s");
	assert_int_equal(PARSE(&c, &err, "K", "--control", "web"), -EINVAL);
	assert_string_equal(err.msg, "--control web: neither none nor a path "
				     "with a '/' in it");
	assert_int_equal(PARSE(&c, &err, "K", "--control="), -EINVAL);
}

static void panic__has_one_of_three_followers(void **state)
{
	struct config c;

	(void)state;
	TAKEN(&c, "K");
	assert_null(c.on_panic.word);
	config_finish(&c);
	TAKEN(&c, "K", "--on-panic", "exit");
	assert_int_equal(c.on_panic.action, PANIC_EXIT);
	assert_non_null(c.on_panic.word);
	config_finish(&c);
	TAKEN(&c, "K", "--on-panic", "pause");
	assert_int_equal(c.on_panic.action, PANIC_PAUSE);
	config_finish(&c);
	TAKEN(&c, "K", "--on-panic", "dump=a,b=c");
	assert_int_equal(c.on_panic.action, PANIC_DUMP);
	assert_string_equal(c.on_panic.file, "a,b=c");
	config_finish(&c);
	REFUSED("--on-panic dump=: dump= needs the name of a file", "K",
		"--on-panic", "dump=");
	REFUSED("--on-panic reboot: none of exit, pause and dump=FILE", "K",
		"--on-panic", "reboot");
}

static void console_log__needs_a_file_and_a_console(void **state)
{
	struct config c;

	(void)state;
	TAKEN(&c, "K", "--console-log", "first", "--console-log", "log,max=1M");
	assert_string_equal(c.console_log.path, "log");
	assert_int_equal(c.console_log.max, 1 << 20);
	config_finish(&c);
	REFUSED("--console-log log,max=4095: max: at least 4K", "K",
		"--console-log", "log,max=4095");
	REFUSED("--console-log: with --console none the guest says nothing",
		"K", "--console-log", "log", "--console", "none");
}

static void terminal__on_a_socket_needs_one_and_a_console(void **state)
{
	struct config c;

	(void)state;
	TAKEN(&c, "K");
	assert_int_equal(c.terminal, TERMINAL_STDIO);
	TAKEN(&c, "K", "--terminal", "socket", "--control", "./s");
	assert_int_equal(c.terminal, TERMINAL_SOCKET);
	REFUSED("--terminal socket: there is no console, as --console none was "
		"given",
		"K", "--terminal", "socket", "--console", "none");
	REFUSED("--terminal socket: there is no socket, as --control none was "
		"given",
		"K", "--terminal", "socket", "--control", "none");
	REFUSED("--incoming defer: there is no socket, as --control none was "
		"given",
		"K", "--incoming", "defer", "--control", "none");
}

static void finish__twice_and_zeroed_is_fine(void **state)
{
	struct config c;

	(void)state;
	TAKEN(&c, "K", "-d", "a");
	config_finish(&c);
	config_finish(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse__a_kernel_is_all_it_needs),
		cmocka_unit_test(parse__a_word_is_the_kernel),
		cmocka_unit_test(parse__all_options_at_once),
		cmocka_unit_test(parse__short_options_attached_or_apart),
		cmocka_unit_test(parse__kvmtool_command_lines_work),
		cmocka_unit_test(parse__the_last_of_an_option_wins),
		cmocka_unit_test(parse__something_must_boot_and_one_thing_only),
		cmocka_unit_test(option__unknown_is_refused_with_the_closest),
		cmocka_unit_test(
			option__is_abbreviated_as_long_as_it_is_unique),
		cmocka_unit_test(option__no_takes_back_what_was_given),
		cmocka_unit_test(
			option__a_value_must_be_there_only_if_one_is_taken),
		cmocka_unit_test(cpus__from_1_to_64),
		cmocka_unit_test(disk__path_and_flags),
		cmocka_unit_test(disk__nonsense_is_refused),
		cmocka_unit_test(disk__too_many_are_refused),
		cmocka_unit_test(flash__path_and_ro),
		cmocka_unit_test(flash__nonsense_and_a_third_are_refused),
		cmocka_unit_test(console__only_what_there_is),
		cmocka_unit_test(timeout__is_a_duration),
		cmocka_unit_test(name__could_be_a_file),
		cmocka_unit_test(control__is_a_path_or_none),
		cmocka_unit_test(panic__has_one_of_three_followers),
		cmocka_unit_test(console_log__needs_a_file_and_a_console),
		cmocka_unit_test(terminal__on_a_socket_needs_one_and_a_console),
		cmocka_unit_test(finish__twice_and_zeroed_is_fine),
	};

	return RUN_TESTS(tests);
}
