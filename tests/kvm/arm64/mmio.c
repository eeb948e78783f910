/* tests/kvm/arm64/mmio.c - loads and stores that KVM can tell us all about. */
#include "tests/kvm/arm64/lib/dt.h"
#include "tests/kvm/arm64/lib/guest.h"

#define SCRATCH (UART + 7) /* keeps what is written to it */
#define REGISTERS 31

/* mmio_insns.S: the same access by each register in turn. */
void load_by_all(uint64_t at, uint64_t got[REGISTERS]);
void store_by_all(uint64_t at, uint64_t got[REGISTERS]);
uint64_t store_by_zero(uint64_t at);
uint64_t load_to_zero(uint64_t at);
uint64_t loads64_8(uint64_t at);
uint64_t loads64_16(uint64_t at);
uint64_t loads64_32(uint64_t at);
uint64_t loads32_8(uint64_t at);
uint64_t loads32_16(uint64_t at);

static void every_register_loads(void)
{
	uint64_t got[REGISTERS];

	write8(SCRATCH, 0x5a);
	load_by_all(SCRATCH, got);
	for (unsigned i = 0; i < REGISTERS; i++)
		CHECK_EQ(got[i], 0x5a);
	CHECK_EQ(load_to_zero(SCRATCH), 0);
}

static void every_register_stores(void)
{
	uint64_t got[REGISTERS];

	store_by_all(SCRATCH, got);
	for (unsigned i = 0; i < REGISTERS; i++)
		CHECK_EQ(got[i], 0xa0 + i);
	CHECK_EQ(store_by_zero(SCRATCH), 0);
}

/*
 * KVM extends the sign, if the processor tells it to; QEMU's (7.2) does not.
 * So a device of KVM's own says what is right here.
 */
static bool signs_are_told(void)
{
	struct dt_node node = { 0 };
	uint64_t priority;

	if (!dt_find(&node, "compatible", "arm,gic-v3")) {
		node.at = 0;
		CHECK(dt_find(&node, "compatible", "arm,cortex-a15-gic"));
	}
	priority = dt_address(&node, 0) + 0x420; /* of the first SPI */
	write8(priority, 0xa0);
	CHECK_EQ(read8(priority), 0xa0);
	return loads64_8(priority) == 0xffffffffffffffa0;
}

static void loads_extend(void)
{
	const uint64_t sign = signs_are_told() ? 0xffffffffffffff00 : 0;

	write8(SCRATCH, 0x80);
	CHECK_EQ(read8(SCRATCH), 0x80);
	CHECK_EQ(loads64_8(SCRATCH), sign | 0x80);
	CHECK_EQ(loads32_8(SCRATCH), (uint32_t)sign | 0x80);
	write8(SCRATCH, 0x7f);
	CHECK_EQ(loads64_8(SCRATCH), 0x7f);
	CHECK_EQ(loads32_8(SCRATCH), 0x7f);
}

static void nothing_reads_as_ones(uint64_t at)
{
	const uint64_t sign = signs_are_told() ? UINT64_MAX : 0;

	CHECK_EQ(read8(at), 0xff);
	CHECK_EQ(read16(at), 0xffff);
	CHECK_EQ(read32(at), 0xffffffff);
	CHECK_EQ(read64(at), 0xffffffffffffffff);
	CHECK_EQ(loads32_8(at), (uint32_t)sign | 0xff);
	CHECK_EQ(loads32_16(at), (uint32_t)sign | 0xffff);
	CHECK_EQ(loads64_8(at), sign | 0xff);
	CHECK_EQ(loads64_16(at), sign | 0xffff);
	CHECK_EQ(loads64_32(at), sign | 0xffffffff);
	for (unsigned size = 1; size <= 8; size *= 2)
		write_sized(at, size, 0x0123456789abcdef);
	CHECK_EQ(read32(at), 0xffffffff);
}

/* The serial port takes single bytes, the clock as well. */
static void other_sizes_are_dropped(void)
{
	write8(SCRATCH, 0x11);
	for (unsigned size = 2; size <= 8; size *= 2) {
		const uint64_t at = SCRATCH + 1 - size;

		CHECK_EQ(read_sized(at, size), UINT64_MAX >> (64 - size * 8));
		write_sized(at, size, 0);
		CHECK_EQ(read8(SCRATCH), 0x11);
	}
	CHECK_EQ(read16(SCRATCH), 0xffff); /* half inside */
	write16(SCRATCH, 0);
	CHECK_EQ(read8(SCRATCH), 0x11);
}

/* A transport's registers are of 32 bits; its configuration takes any size. */
static void virtio_takes_words(void)
{
	struct dt_node node = { 0 };
	uint64_t at;

	if (!dt_find(&node, "compatible", "virtio,mmio"))
		return;
	at = dt_address(&node, 0);
	CHECK_EQ(read32(at), 0x74726976);
	CHECK_EQ(read32(at + 4), 2);
	write32(at + 0x14, 1);
	CHECK_EQ(read32(at + 0x10) & 1, 1); /* VIRTIO_F_VERSION_1 */
	write32(at + 0x14, 0);
	for (unsigned size = 1; size <= 8; size *= 2) {
		(void)read_sized(at + 0x100, size);
		write_sized(at + 0x100, size, 0);
	}
}

int main(void)
{
	every_register_loads();
	every_register_stores();
	loads_extend();
	nothing_reads_as_ones(NOWHERE);
	nothing_reads_as_ones(UART + 0x1000);
	nothing_reads_as_ones(0x02000000);
	nothing_reads_as_ones(0x7ffffff0);
	other_sizes_are_dropped();
	virtio_takes_words();
	return 0;
}
