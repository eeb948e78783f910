/*
 * tests/kvm/arm64/crowd_guest.c - one of many guests, told by tests/kvm/crowd.c
 * what to do: fill all memory with a pattern of its own, and see, later, that
 * it is as it was.
 *
 * It reads a number in four hexadecimal digits and answers "r" when its memory
 * is full. For each "c" it checks and fills again, and answers "r", or "x" if
 * something was not its own. "q" ends it.
 */
#include "tests/kvm/arm64/lib/dt.h"
#include "tests/kvm/arm64/lib/gic.h"
#include "tests/kvm/arm64/lib/guest.h"

#define STEP 256 /* one word in so many bytes */
#define IER (UART + 1)
#define LSR (UART + 5)

extern const char _end[];

static uint64_t pattern(uint64_t at, unsigned id, unsigned round)
{
	return (at ^ (uint64_t)id << 48 ^ (uint64_t)round << 40) *
	       0x9e3779b97f4a7c15;
}

static bool is_own(uint64_t at)
{
	const uint64_t dtb = boot.x[0];

	return (at < boot.image || at >= (uint64_t)_end) &&
	       (at < dtb || at >= dtb + 0x10000);
}

/* Checks against the round before, and writes this one. */
static bool work(unsigned id, unsigned round)
{
	struct dt_node ram = { 0 };
	uint64_t begin, end;
	bool good = true;

	CHECK(dt_find(&ram, "device_type", "memory"));
	begin = dt_address(&ram, 0);
	end = begin + dt_size(&ram, 0);
	for (uint64_t at = begin; at < end; at += STEP) {
		volatile uint64_t *word = (uint64_t *)at;

		if (!is_own(at))
			continue;
		if (round > 0 && *word != pattern(at, id, round - 1))
			good = false;
		*word = pattern(at, id, round);
	}
	return good;
}

/* Sleeps until there is something: many guests share the host. */
static char hear(void)
{
	while (!(read8(LSR) & 1))
		wait_for_interrupt();
	return (char)read8(UART);
}

static unsigned hear_id(void)
{
	unsigned id = 0;

	for (int i = 0; i < 4; i++) {
		const unsigned c = (unsigned char)hear();

		id = id << 4 | (c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return id;
}

int main(void)
{
	struct dt_node uart = { 0 };
	unsigned id;

	gic_setup();
	gic_setup_cpu();
	CHECK(dt_find(&uart, "compatible", "ns16550a"));
	gic_enable_for(&uart, 0);
	write8(IER, 1);
	id = hear_id();
	for (unsigned round = 0;; round++) {
		put_char(work(id, round) ? 'r' : 'x');
		if (hear() == 'q')
			return 1;
	}
}
