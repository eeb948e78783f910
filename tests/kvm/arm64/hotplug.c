/*
 * tests/kvm/arm64/hotplug.c - memory that is plugged is memory; what is not is
 * a hole, to CPUs and to devices.
 *
 * The host wants the guest to have more (../hotplug.sh). The guest plugs and
 * unplugs blocks, while another CPU checks that its own block stays what it is.
 * Then it resets the machine, and finds nothing plugged.
 */
#include "tests/kvm/arm64/lib/dt.h"
#include "tests/kvm/arm64/lib/guest.h"
#include "tests/kvm/arm64/lib/virtio.h"

#define PAGE 4096UL
#define PATTERN 0x123456789abcdef0UL
#define TURNS 30
#define FEATURES_OK 8

/* In RAM below the image: a reset leaves it. */
struct kept {
	uint64_t lives;
};

static struct ring ring, rng_ring;
static struct virtio mem;
static uint64_t at, block, blocks; /* of the region, as far as it is wanted */
static uint64_t rounds; /* of the other CPU */

static unsigned ask(unsigned type, uint64_t first, unsigned count)
{
	return virtio_mem_ask(&mem, type, at + first * block, count);
}

static uint64_t plugged(void)
{
	return virtio_mem_config(&mem).plugged;
}

static void is_a_hole(uint64_t address)
{
	uint64_t esr;

	write64(address, PATTERN);
	CHECK(read64(address) != PATTERN);
	/* What the processor does not describe is a bus error. */
	catch_fault();
	__asm__ volatile("stp xzr, xzr, [%0]" ::"r"(address) : "memory");
	esr = caught_fault();
	CHECK_EQ(ESR_CLASS(esr), CLASS_DATA_ABORT);
	CHECK_EQ(ESR_STATUS(esr), STATUS_EXTERNAL);
}

static void is_memory(uint64_t address)
{
	CHECK_EQ(read64(address), 0);
	write64(address, PATTERN);
	CHECK_EQ(read64(address), PATTERN);
}

static void blocks_begin_and_end_where_they_say(void)
{
	is_a_hole(at);
	CHECK_EQ(ask(MEM_PLUG, 1, 1), MEM_ACK);
	is_memory(at + block);
	is_memory(at + 2 * block - 8);
	is_a_hole(at + block - 16);
	is_a_hole(at + 2 * block);
	CHECK_EQ(plugged(), block);
	CHECK_EQ(ask(MEM_UNPLUG, 1, 1), MEM_ACK);
	is_a_hole(at + block);
	/* Again, and it is zero. */
	CHECK_EQ(ask(MEM_PLUG, 1, 1), MEM_ACK);
	is_memory(at + block);
	CHECK_EQ(ask(MEM_PLUG, 1, 1), MEM_ERROR);
	CHECK_EQ(ask(MEM_UNPLUG, 0, 2), MEM_ERROR);
	CHECK_EQ(ask(MEM_PLUG, 0, (unsigned)blocks), MEM_NACK);
	CHECK_EQ(ask(MEM_UNPLUG_ALL, 0, 0), MEM_ACK);
	is_a_hole(at + block);
}

/* A device that is handed what is not plugged stops, and writes nothing. */
static void devices_find_no_memory_either(void)
{
	struct virtio rng;

	CHECK(virtio_find(&rng, VIRTIO_RNG, 0));
	CHECK_EQ(ask(MEM_PLUG, 0, 1), MEM_ACK);
	for (int i = 0; i < 3; i++) {
		/* Inside, over the end, outside. */
		const uint64_t to = at + block - 64 + (uint64_t)i * 32;

		virtio_begin(&rng, 0);
		virtio_start(&rng, &rng_ring);
		rng_ring.desc[0] = (struct desc){ to, 64, DESC_WRITE, 0 };
		virtio_offer(&rng, 0);
		CHECK_EQ(virtio_wait(&rng), i == 0 ? 64 : -1);
	}
	CHECK_EQ(ask(MEM_UNPLUG, 0, 1), MEM_ACK);
}

/* Writes block 0 and looks, forever. */
static void keep_block_0(struct cpu *cpu)
{
	(void)cpu;
	for (uint64_t i = 1;; i++) {
		for (uint64_t p = 0; p < block; p += 64 * PAGE)
			write64(at + p, PATTERN + i + p);
		for (uint64_t p = 0; p < block; p += 64 * PAGE)
			CHECK_EQ(read64(at + p), PATTERN + i + p);
		__atomic_store_n(&rounds, i, __ATOMIC_RELEASE);
	}
}

static void blocks_leave_each_other_alone(void)
{
	uint64_t seen;

	CHECK_EQ(ask(MEM_PLUG, 0, 1), MEM_ACK);
	CHECK_EQ(cpu_start(1, keep_block_0), PSCI_SUCCESS);
	for (int i = 0; i < TURNS; i++) {
		CHECK_EQ(ask(MEM_PLUG, 1, (unsigned)blocks - 1), MEM_ACK);
		for (uint64_t b = 1; b < blocks; b++)
			is_memory(at + b * block);
		CHECK_EQ(ask(MEM_UNPLUG, 1, (unsigned)blocks - 1), MEM_ACK);
	}
	seen = __atomic_load_n(&rounds, __ATOMIC_ACQUIRE);
	while (__atomic_load_n(&rounds, __ATOMIC_ACQUIRE) < seen + 2)
		;
}

static void drivers_that_read_anything_are_refused(void)
{
	virtio_begin(&mem, 0);
	CHECK(!(read32(mem.base + VIRTIO_STATUS) & FEATURES_OK));
}

/* The guest is told of it by the device alone. */
static void is_not_described(void)
{
	struct dt_node node = { 0 };

	while (dt_find(&node, "device_type", "memory"))
		CHECK(dt_address(&node, 0) + dt_size(&node, 0) <= at);
}

int main(void)
{
	struct kept *kept = (struct kept *)(boot.image - PAGE);

	CHECK(virtio_find(&mem, VIRTIO_MEM, 0));
	drivers_that_read_anything_are_refused();
	virtio_begin(&mem, VIRTIO_MEM_FEATURES);
	virtio_start(&mem, &ring);
	at = virtio_mem_config(&mem).addr;
	block = virtio_mem_config(&mem).block;
	is_not_described();
	CHECK_EQ(plugged(), 0);
	is_a_hole(at);
	put("waiting\n");
	while (virtio_mem_config(&mem).requested == 0)
		;
	blocks = virtio_mem_config(&mem).requested / block;
	CHECK(blocks > 2);
	blocks_begin_and_end_where_they_say();
	devices_find_no_memory_either();
	blocks_leave_each_other_alone();
	if (kept->lives++ == 0)
		(void)smccc(PSCI_SYSTEM_RESET, 0, 0, 0);
	return 0;
}
