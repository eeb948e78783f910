/* tests/unit/test_port_io.c - vmm/kvm/port_io.c. */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "tests/unit/test.h"
#include "vmm/kvm/port_io.h"

#define PORT 0x3f8

/* A device that remembers its accesses. */
struct probe {
	struct device dev;
	unsigned accesses;
	struct io_access io[8];
};

/* What a vCPU shares with KVM: the data of an exit is behind the structure. */
struct exit {
	struct kvm_run run;
	uint8_t data[32];
};

static struct io_access *next_access(struct device *dev, uint64_t offset,
				     unsigned size)
{
	struct probe *p = container_of(dev, struct probe, dev);
	struct io_access *io = &p->io[p->accesses++];

	assert_in_range(p->accesses, 1, 8);
	assert_int_equal(pthread_mutex_trylock(dev->lock), EBUSY);
	io->addr = offset;
	io->size = size;
	return io;
}

static uint64_t probe_read(struct device *dev, uint64_t offset, unsigned size)
{
	const struct io_access *io = next_access(dev, offset, size);
	const struct probe *p = container_of(dev, struct probe, dev);

	(void)io;
	return 0x1122334455667700 + p->accesses;
}

static void probe_write(struct device *dev, uint64_t offset, unsigned size,
			uint64_t val)
{
	struct io_access *io = next_access(dev, offset, size);

	io->write = true;
	io->val = val;
	if (val == 0xdead)
		device_set_busy(dev);
}

static const struct device_ops probe_ops = {
	.name = "probe",
	.sizes = 1 | 2 | 4,
	.read = probe_read,
	.write = probe_write,
};

static struct probe probe;
static struct bus ports;
static struct exit vcpu;
static struct log_limit nobodys;

static int setup(void **state)
{
	const struct io_slot slot = { .at = { PORT, 8 }, .dev = &probe.dev };

	(void)state;
	probe = (struct probe){ 0 };
	ports = (struct bus){ 0 };
	nobodys = (struct log_limit){ 0 };
	device_init(&probe.dev, &probe_ops);
	return bus_attach(&ports, slot, &(struct err){ 0 });
}

static const struct device *exit_io(uint8_t direction, uint16_t port,
				    uint8_t size, uint32_t count)
{
	vcpu.run.io.direction = direction;
	vcpu.run.io.port = port;
	vcpu.run.io.size = size;
	vcpu.run.io.count = count;
	vcpu.run.io.data_offset = offsetof(struct exit, data);
	return port_io(&ports, &vcpu.run, &nobodys);
}

static void write__of_each_size_reaches_the_device(void **state)
{
	(void)state;
	for (uint8_t size = 1; size <= 4; size = (uint8_t)(size * 2)) {
		const struct io_access *io = &probe.io[probe.accesses];
		uint8_t bytes[8] = { 0 };

		memset(vcpu.data, 0xee, sizeof(vcpu.data));
		memcpy(vcpu.data, "abcd", size);
		memcpy(bytes, "abcd", size);
		assert_null(exit_io(KVM_EXIT_IO_OUT, PORT + 4, size, 1));
		assert_true(io->write);
		assert_int_equal(io->addr, 4);
		assert_int_equal(io->size, size);
		assert_true(io->val == load_host(bytes, size));
	}
	assert_int_equal(probe.accesses, 3);
}

static void read__gives_the_bytes_of_the_access_alone(void **state)
{
	(void)state;
	for (uint8_t size = 1; size <= 4; size = (uint8_t)(size * 2)) {
		uint8_t want[32];

		memset(vcpu.data, 0xee, sizeof(vcpu.data));
		memset(want, 0xee, sizeof(want));
		assert_null(exit_io(KVM_EXIT_IO_IN, PORT, size, 1));
		store_host(want, size, 0x1122334455667700 + probe.accesses);
		assert_memory_equal(vcpu.data, want, sizeof(want));
	}
	assert_int_equal(probe.accesses, 3);
}

static void string__is_one_access_after_the_other(void **state)
{
	static const uint16_t words[] = { 0x1234, 0x5678, 0x9abc };

	(void)state;
	memcpy(vcpu.data, words, sizeof(words));
	assert_null(exit_io(KVM_EXIT_IO_OUT, PORT + 2, 2, 3));
	assert_int_equal(probe.accesses, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(probe.io[i].addr, 2);
		assert_int_equal(probe.io[i].size, 2);
		assert_int_equal(probe.io[i].val, words[i]);
	}
	assert_null(exit_io(KVM_EXIT_IO_IN, PORT, 1, 3));
	assert_memory_equal(vcpu.data, "\x04\x05\x06", 3);
}

static void nobodys_port__reads_ones_and_is_counted(void **state)
{
	(void)state;
	memset(vcpu.data, 0, sizeof(vcpu.data));
	assert_null(exit_io(KVM_EXIT_IO_IN, 0x80, 2, 2));
	assert_memory_equal(vcpu.data, "\xff\xff\xff\xff\0", 5);
	/* Half of it is behind the window's end. */
	assert_null(exit_io(KVM_EXIT_IO_OUT, PORT + 6, 4, 1));
	assert_int_equal(probe.accesses, 0);
	assert_int_equal(nobodys.count, 3);
}

static void a_busy_device__is_told(void **state)
{
	static const uint16_t words[] = { 1, 0xdead };

	(void)state;
	memcpy(vcpu.data, words, sizeof(words));
	assert_null(exit_io(KVM_EXIT_IO_OUT, PORT, 2, 1));
	assert_ptr_equal(exit_io(KVM_EXIT_IO_OUT, PORT, 2, 2), &probe.dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(write__of_each_size_reaches_the_device,
				       setup),
		cmocka_unit_test_setup(
			read__gives_the_bytes_of_the_access_alone, setup),
		cmocka_unit_test_setup(string__is_one_access_after_the_other,
				       setup),
		cmocka_unit_test_setup(nobodys_port__reads_ones_and_is_counted,
				       setup),
		cmocka_unit_test_setup(a_busy_device__is_told, setup),
	};

	return RUN_TESTS(tests);
}
