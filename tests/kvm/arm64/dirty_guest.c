/*
 * tests/kvm/arm64/dirty_guest.c - writes all over memory, by every means.
 *
 * Each CPU writes random words to random pages, forever; a disk, if there is
 * one, reads to where they write; KVM writes each CPU's stolen time; a flash,
 * if there is one, is programmed word by word; and memory is plugged and
 * unplugged, if it can be, while all write there. CPU 0 resets the machine
 * twice on its way. ../dirty.c watches.
 */
#include "tests/kvm/arm64/lib/dt.h"
#include "tests/kvm/arm64/lib/guest.h"
#include "tests/kvm/arm64/lib/virtio.h"
#include "tests/kvm/lib/flash.h"

#define PAGE 4096UL
#define PV_TIME_ST 0xc5000021
#define LIVES 3
#define TURNS 12 /* of CPU 0, in each life but the last */
#define WRITES 32 /* in each turn */
#define SECTOR 512
#define MOST_SECTORS 200
#define MOST_RAMS 2
#define MOST_BLOCKS 64

/* In RAM below the image: a reset leaves it. */
struct kept {
	uint64_t lives;
	uint64_t words; /* programmed */
};

static struct ring ring;
static uint64_t seed[MAX_CPUS];

static struct {
	uint64_t at, size;
} ram[MOST_RAMS];
static unsigned rams;

/* What may be plugged; writes to what is not go nowhere. */
static struct ring mem_ring;
static struct virtio mem;
static struct virtio_mem hot; /* requested is 0: there is none */
static bool plugged[MOST_BLOCKS];

static void find_ram(void)
{
	struct dt_node node = { 0 };

	while (rams < MOST_RAMS && dt_find(&node, "device_type", "memory")) {
		ram[rams].at = dt_address(&node, 0);
		ram[rams++].size = dt_size(&node, 0);
	}
}

/* A random place in RAM for @size bytes, away from all that is needed. */
static uint64_t place(uint64_t *state, uint64_t size)
{
	extern const char _end[];
	const uint64_t dtb = boot.x[0] & ~(PAGE - 1);

	for (;;) {
		const unsigned i = (unsigned)random_next(state) % rams;
		const uint64_t at = ram[i].at +
				    random_next(state) % (ram[i].size - size);

		if (at + size > boot.image - PAGE && at < (uint64_t)_end)
			continue;
		if (at + size > dtb && at < dtb + 32 * PAGE)
			continue;
		return at;
	}
}

static void scribble(struct cpu *cpu)
{
	uint64_t *state = &seed[cpu->index];

	for (int i = 0; i < WRITES; i++)
		write64(place(state, 16) & ~7UL, random_next(state));
	for (int i = 0; hot.requested > 0 && i < WRITES / 4; i++)
		write64(hot.addr + random_next(state) % hot.requested / 8 * 8,
			random_next(state));
}

static void scribble_on(struct cpu *cpu)
{
	(void)smccc(PV_TIME_ST, 0, 0, 0);
	for (;;)
		scribble(cpu);
}

static void read_disk(const struct virtio *dev, uint64_t sectors)
{
	static struct {
		uint32_t type, reserved;
		uint64_t sector;
	} head;
	static uint8_t status;
	const uint32_t count = (uint32_t)(1 + random_next(seed) % MOST_SECTORS);
	const uint64_t to = place(seed, (uint64_t)count * SECTOR);

	head.sector = random_next(seed) % (sectors - count);
	ring.desc[0] = (struct desc){ (uint64_t)&head, 16, DESC_NEXT, 1 };
	ring.desc[1] = (struct desc){ to, count * SECTOR,
				      DESC_NEXT | DESC_WRITE, 2 };
	ring.desc[2] = (struct desc){ (uint64_t)&status, 1, DESC_WRITE, 0 };
	status = 0xff;
	virtio_offer(dev, 0);
	CHECK_EQ(virtio_wait(dev), count * SECTOR + 1);
	CHECK_EQ(status, 0);
}

static void find_mem(void)
{
	if (!virtio_find(&mem, VIRTIO_MEM, 0))
		return;
	virtio_begin(&mem, VIRTIO_MEM_FEATURES);
	virtio_start(&mem, &mem_ring);
	hot = virtio_mem_config(&mem);
	CHECK(hot.requested / hot.block <= MOST_BLOCKS);
	CHECK_EQ(hot.plugged, 0);
}

/* Neighbours that are in one state get the other. */
static void change_memory(void)
{
	const unsigned blocks = (unsigned)(hot.requested / hot.block);
	const unsigned first = (unsigned)(random_next(seed) % blocks);
	const bool was = plugged[first];
	unsigned end = first;

	while (end < blocks && plugged[end] == was && end < first + 3)
		plugged[end++] = !was;
	CHECK_EQ(virtio_mem_ask(&mem, was ? MEM_UNPLUG : MEM_PLUG,
				hot.addr + first * hot.block, end - first),
		 MEM_ACK);
}

/* Word after word, and all over again. */
static void program_flash(uint64_t flash, uint64_t size, uint64_t *words)
{
	const uint64_t at = flash + *words * 4 % size;

	if (at % FLASH_BLOCK == 0)
		flash_erase(at);
	flash_program(at, random_next(seed));
	flash_command(at, FLASH_ARRAY);
	++*words;
}

int main(void)
{
	struct kept *kept = (struct kept *)(boot.image - PAGE);
	uint64_t sectors = 0, flash = 0, flash_size = 0;
	struct dt_node node = { 0 };
	struct virtio disk;

	find_ram();
	find_mem();
	kept->lives++;
	/* Other words in each life, or they would change nothing. */
	for (unsigned i = 0; i < cpu_count(); i++)
		seed[i] = kept->lives << 32 | i;
	for (unsigned i = 1; i < cpu_count(); i++)
		CHECK_EQ(cpu_start(i, scribble_on), PSCI_SUCCESS);
	(void)smccc(PV_TIME_ST, 0, 0, 0);
	if (virtio_find(&disk, VIRTIO_BLK, 0)) {
		sectors = read64(disk.base + VIRTIO_CONFIG);
		virtio_begin(&disk, 0);
		virtio_start(&disk, &ring);
	}
	if (dt_find(&node, "compatible", "cfi-flash")) {
		flash = dt_address(&node, 0);
		flash_size = dt_size(&node, 0);
	}
	for (int turn = 0; turn < TURNS || kept->lives >= LIVES; turn++) {
		if (sectors > 0)
			read_disk(&disk, sectors);
		if (flash)
			program_flash(flash, flash_size, &kept->words);
		if (hot.requested > 0)
			change_memory();
		scribble(this_cpu());
	}
	(void)smccc(PSCI_SYSTEM_RESET, 0, 0, 0);
	return 1;
}
