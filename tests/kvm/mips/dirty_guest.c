/*
 * tests/kvm/mips/dirty_guest.c - writes all over memory, by every means.
 *
 * Each CPU writes random words to random pages, forever: through KSEG0, and
 * through the windows that KVM brings to the VMM, which then does the write.
 * CPU 0 resets the machine twice on its way. ../dirty.c watches.
 */
#include "tests/kvm/mips/lib/guest.h"

#define MIB 0x100000U
#define CPUS 4 /* as tests.list says */
#define LIVES 3
#define TURNS 12 /* of CPU 0, in each life but the last */
#define WRITES 64 /* in each turn, and a few by the VMM */
#define VMM_WRITES 8

/* In RAM that nothing else is written to: a reset leaves it. */
#define KEPT KSEG0(4 * MIB - 4)

/* As in tests.list; the first one has the guest itself in its first 2 MiB. */
static const struct {
	uint32_t at, size;
} ram[] = {
	{ 2 * MIB, 2 * MIB - 4096 },
	{ 128 * MIB, MIB },
};

static uint32_t place(uint32_t *state)
{
	const unsigned i = random_next(state) % 2;

	return ram[i].at + (random_next(state) % ram[i].size & ~3U);
}

static void scribble(uint32_t *state)
{
	for (int i = 0; i < WRITES; i++)
		write32(KSEG0(place(state)), random_next(state));
	for (int i = 0; i < VMM_WRITES; i += 2) {
		write32(KSEG1(place(state)), random_next(state));
		do_sb(CKSEG0(place(state)) + 1, random_next(state));
	}
}

static void scribble_on(unsigned cpu)
{
	/* Other numbers in each life: what is written again has not changed. */
	uint32_t state = read32(KEPT) * CPUS + cpu;

	for (;;)
		scribble(&state);
}

int main(void)
{
	const uint32_t lives = read32(KEPT) + 1;
	uint32_t state = lives * CPUS;

	write32(KEPT, lives);
	for (unsigned i = 1; i < CPUS; i++)
		cpu_start(i, scribble_on);
	for (int i = 0; i < TURNS || lives == LIVES; i++)
		scribble(&state);
	reset();
}
