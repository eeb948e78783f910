/*
 * tests/kvm/arm64/alive_its.c - interrupts by the GICv3's translation service.
 *
 * Device 0 has one event, 5, which is LPI ITS_LPI of collection 1, CPU 0's.
 * Source: Arm IHI 0069H, 5.3, 12.10, 12.18.
 */
#include "tests/kvm/arm64/alive_its.h"

#include "tests/kvm/arm64/lib/dt.h"
#include "tests/kvm/arm64/lib/guest.h"

enum {
	GICR_CTLR = 0x00,
	GICR_PROPBASER = 0x70,
	GICR_PENDBASER = 0x78,
	GITS_CTLR = 0x00,
	GITS_CBASER = 0x80,
	GITS_CWRITER = 0x88,
	GITS_CREADR = 0x90,
	GITS_BASER = 0x100,
};

enum { INT = 0x03, MAPD = 0x08, MAPC = 0x09, MAPTI = 0x0a, INV = 0x0c };

#define VALID (1UL << 63)
#define EVENT 5UL
#define EVENT_BITS 4UL
#define COLLECTION 1UL
#define ID_BITS 16UL
#define PENDING_ZERO (1UL << 62)
#define TYPE_DEVICE 1
#define TYPE_COLLECTION 4
#define PAGE 4096

/* To KVM's ITS, a page is 64 KiB, and the commands begin at one. */
static struct {
	uint8_t config[1 << 16] __attribute__((aligned(1 << 16)));
	uint8_t pending[1 << 16], devices[1 << 16], collections[1 << 16];
	uint64_t command[PAGE / 32][4];
	uint8_t events[PAGE];
} table;

static uint64_t its;
static unsigned next;

static void command(uint64_t what, uint64_t event, uint64_t rest)
{
	uint64_t *at = table.command[next];

	at[0] = what; /* device 0 */
	at[1] = event;
	at[2] = rest;
	at[3] = 0;
	next = (next + 1) % (PAGE / 32);
	barrier();
	write64(its + GITS_CWRITER, next * 32UL);
	while (read64(its + GITS_CREADR) != next * 32UL)
		;
}

static void place_tables(void)
{
	for (uint64_t at = its + GITS_BASER; at < its + GITS_BASER + 64;
	     at += 8) {
		const unsigned type = read64(at) >> 56 & 7;

		if (type == TYPE_DEVICE)
			write64(at, VALID | (uint64_t)table.devices);
		if (type == TYPE_COLLECTION)
			write64(at, VALID | (uint64_t)table.collections);
	}
	write64(its + GITS_CBASER, VALID | (uint64_t)table.command);
}

bool its_begin(void)
{
	struct dt_node node = { 0 };
	uint64_t redist;

	if (!dt_find(&node, "compatible", "arm,gic-v3-its"))
		return false;
	its = dt_address(&node, 0);
	node.at = 0;
	CHECK(dt_find(&node, "compatible", "arm,gic-v3"));
	redist = dt_address(&node, 1);
	/* The VMM put the tree where it saw no memory of ours. */
	CHECK(boot.x[0] < boot.image || boot.x[0] >= (uint64_t)(&table + 1));
	table.config[0] = 0xa1; /* of the first LPI: its priority; enabled */
	write64(redist + GICR_PROPBASER,
		(uint64_t)table.config | (ID_BITS - 1));
	write64(redist + GICR_PENDBASER,
		(uint64_t)table.pending | PENDING_ZERO);
	write32(redist + GICR_CTLR, 1);
	place_tables();
	write32(its + GITS_CTLR, 1);
	command(MAPD, EVENT_BITS - 1, VALID | (uint64_t)table.events);
	command(MAPC, 0, VALID | COLLECTION);
	command(MAPTI, EVENT | (uint64_t)ITS_LPI << 32, COLLECTION);
	command(INV, EVENT, 0);
	return true;
}

uint64_t its_pending_word(void)
{
	return (uint64_t)&table.pending[ITS_LPI / 8];
}

void its_send(void)
{
	command(INT, EVENT, 0);
}
