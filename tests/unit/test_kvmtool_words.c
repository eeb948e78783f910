/* tests/unit/test_kvmtool_words.c - vmm/kvmtool_words.c and vmm/hugetlbfs.c. */
#include <errno.h>
#include <string.h>

#include "tests/unit/config_words.h"
#include "vmm/hugetlbfs.h"
#include "vmm/kvmtool_words.h"

static void words__are_taken_as_kvmtool_means_them(void **state)
{
	struct config c;

	(void)state;
	TAKEN(&c, "-f", "FW", "--firmware-address", "0x80200000", "--no-pvtime",
	      "--sve-max-vl", "256", "--kaslr-seed", "0x1234",
	      "--vcpu-affinity", "0,2-3", "--hugetlbfs", "/mnt/huge", "--debug",
	      "--virtio-transport", "mmio", "--dev", "/dev/kvm", "--nodefaults",
	      "--nocompat", "--no-dhcp", "--network", "mode=none,trans=mmio");
	assert_true(c.kvmtool.firmware_placed &&
		    c.kvmtool.firmware_at == 0x80200000);
	assert_true(c.kvmtool.no_pvtime);
	assert_int_equal(c.kvmtool.sve_max_vl, 256);
	assert_true(c.kvmtool.kaslr_seeded && c.kvmtool.kaslr_seed == 0x1234);
	assert_int_equal(CPU_COUNT(&c.kvmtool.affinity), 3);
	assert_true(CPU_ISSET(0, &c.kvmtool.affinity) &&
		    CPU_ISSET(2, &c.kvmtool.affinity) &&
		    CPU_ISSET(3, &c.kvmtool.affinity));
	assert_string_equal(c.kvmtool.affinity_word, "0,2-3");
	assert_string_equal(c.kvmtool.hugetlbfs, "/mnt/huge");
	assert_int_equal(c.log_level, LOG_DEBUG);
	config_finish(&c);
	TAKEN(&c, "K");
	assert_false(c.kvmtool.firmware_placed || c.kvmtool.no_pvtime ||
		     c.kvmtool.kaslr_seeded);
	assert_int_equal(c.kvmtool.sve_max_vl, 0);
	assert_null(c.kvmtool.affinity_word);
	config_finish(&c);
}

static void affinity__is_a_list_of_processors(void **state)
{
	static const char *const bad[] = {
		"",	"a",   "1,", ",1",   "1-",    "-1",
		"1--2", "1 2", " 1", "1, 2", "1-2-3", "0x1",
	};
	struct config c;
	struct err err;

	(void)state;
	TAKEN(&c, "K", "--vcpu-affinity", "1023");
	assert_int_equal(CPU_COUNT(&c.kvmtool.affinity), 1);
	config_finish(&c);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(
			PARSE(&c, &err, "K", "--vcpu-affinity", bad[i]),
			-EINVAL);
		assert_true(err.input);
	}
	REFUSED("--vcpu-affinity 1024: processors are numbered from 0 to 1023, "
		"the lower one first",
		"K", "--vcpu-affinity", "1024");
	REFUSED("--vcpu-affinity 3-2: processors are numbered from 0 to 1023, "
		"the lower one first",
		"K", "--vcpu-affinity", "3-2");
}

static void sve__is_whole_steps_of_128_bits(void **state)
{
	static const char *const bad[] = { "0", "64", "200", "2176", "x", "" };
	struct config c;
	struct err err;

	(void)state;
	TAKEN(&c, "K", "--sve-max-vl=2048");
	assert_int_equal(c.kvmtool.sve_max_vl, 2048);
	config_finish(&c);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(PARSE(&c, &err, "K", "--sve-max-vl", bad[i]),
				 -EINVAL);
}

static void words__without_a_counterpart_are_refused_with_a_reason(void **state)
{
	(void)state;
	REFUSED("--virtio-transport pci: there is no PCI; use mmio", "K",
		"--virtio-transport", "pci");
	REFUSED("--virtio-transport mmio-legacy: virtio devices are of version "
		"1 here, which Linux 4.0 and later drive; use mmio",
		"K", "--virtio-transport", "mmio-legacy");
	REFUSED("--virtio-legacy: virtio devices are of version 1 here, which "
		"Linux 4.0 and later drive",
		"K", "--virtio-legacy");
	REFUSED("--aarch32: guests have 64 bits here", "K", "--aarch32");
	REFUSED("--9p: folders are shared by virtio-fs: see --share "
		"DIR,tag=TAG",
		"K", "--9p", "/,root");
	REFUSED("--vnc: there is no display; the console is the terminal", "K",
		"--vnc");
	REFUSED("--kaslr-seed x: not a number of 64 bits", "K", "--kaslr-seed",
		"x");
	REFUSED("--dev /dev/other: only /dev/kvm is taken", "K", "--dev",
		"/dev/other");
	REFUSED("--firmware-address: there is no --firmware", "K",
		"--firmware-address", "0x80000000");
	REFUSED("--firmware-address x: not an address, as in 0x80200000 or 2G",
		"-f", "F", "--firmware-address", "x");
}

static void hugetlbfs__must_be_one(void **state)
{
	struct config c;
	struct err err = { 0 };

	(void)state;
	TAKEN(&c, "K");
	assert_int_equal(hugetlbfs_apply(&c, &err), 0);
	assert_int_equal(c.mem[0].policy.huge, MEM_HUGE_AUTO);
	config_finish(&c);
	TAKEN(&c, "K", "--hugetlbfs", "/proc");
	assert_int_equal(hugetlbfs_apply(&c, &err), -EINVAL);
	assert_string_equal(err.msg,
			    "--hugetlbfs /proc: it is not on a hugetlbfs");
	config_finish(&c);
	TAKEN(&c, "K", "--hugetlbfs", "/nonexistent");
	assert_int_equal(hugetlbfs_apply(&c, &err), -ENOENT);
	assert_true(err.input);
	config_finish(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words__are_taken_as_kvmtool_means_them),
		cmocka_unit_test(affinity__is_a_list_of_processors),
		cmocka_unit_test(sve__is_whole_steps_of_128_bits),
		cmocka_unit_test(
			words__without_a_counterpart_are_refused_with_a_reason),
		cmocka_unit_test(hugetlbfs__must_be_one),
	};

	return RUN_TESTS(tests);
}
