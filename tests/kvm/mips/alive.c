/*
 * tests/kvm/mips/alive.c - a guest that uses all it has, for ever, and notices
 * what is lost. ../rebuild.c pulls the VM away under it.
 *
 * Every CPU keeps its registers full and takes its timer's interrupts. CPU 0
 * hears from the serial port's level line, too. A CPU's count goes on when it
 * has seen something of each: whatever does not arrive stops it.
 */
#include "tests/kvm/count.h"
#include "tests/kvm/mips/lib/guest.h"

#define PERIOD (COUNT_HZ / 500)
#define TURNS 20000 /* that registers are held for */
#define IER (UART + 1)
#define IIR (UART + 2)
#define IER_THRI 2
#define STATUS_CU1 (1U << 29)
#define STATUS_FR (1U << 26)
#define CONFIG1_FP 1U

uint32_t hold_general(uint32_t seed, uint32_t turns);
uint32_t hold_float(uint32_t seed, uint32_t turns);

static volatile struct count *const count = (volatile struct count *)KSEG0(
	0x80000 - 4096);

static volatile struct state {
	unsigned ticks, rings;
	uint32_t last; /* Count, when it was last looked at */
} states[COUNT_MAX_CPUS];

static unsigned this_cpu(void)
{
	return READ_CP0(15, 1) & 0x3ff;
}

static void interrupted(uint32_t cause)
{
	volatile struct state *state = &states[this_cpu()];

	if (cause & CAUSE_IP7) {
		/* Not before its time. */
		CHECK((int32_t)(CP0(READ_CP0, COUNT) -
				CP0(READ_CP0, COMPARE)) >= 0);
		state->ticks++;
		timer_arm(PERIOD);
	}
	if (cause & CAUSE_IP2) {
		(void)do_lbu(IIR);
		state->rings++;
	}
}

/* It does not run back, nor does it jump by what a rebuild takes. */
static void check_clock(volatile struct state *state)
{
	const uint32_t now = CP0(READ_CP0, COUNT);

	CHECK(now - state->last < COUNT_HZ * 10);
	state->last = now;
}

static void set_up(unsigned cpu)
{
	const bool fpu = READ_CP0(16, 1) & CONFIG1_FP;

	states[cpu].last = CP0(READ_CP0, COUNT);
	timer_arm(PERIOD);
	/* Half of the CPUs have doubles. */
	irq_unmask(STATUS_IM7 | (cpu == 0 ? STATUS_IM2 : 0) |
		   (fpu ? STATUS_CU1 | (cpu % 2 ? STATUS_FR : 0) : 0));
	/* Nothing else uses these here: UserLocal and ErrorEPC. */
	WRITE_CP0(4, 2, 0x1000 + cpu);
	WRITE_CP0(30, 0, 0x2000 + cpu);
}

static void live_once(unsigned cpu)
{
	const uint32_t seed = 0x10000 * (cpu + 1);

	CHECK_EQ(hold_general(seed, TURNS), 0);
	if (READ_CP0(16, 1) & CONFIG1_FP)
		CHECK_EQ(hold_float(seed, TURNS), 0);
	CHECK_EQ(READ_CP0(4, 2), 0x1000 + cpu);
	CHECK_EQ(READ_CP0(30, 0), 0x2000 + cpu);
	check_clock(&states[cpu]);
	if (cpu == 0) {
		do_sb(IER, 0);
		do_sb(IER, IER_THRI);
	}
}

static void live(unsigned cpu)
{
	volatile struct state *state = &states[cpu];
	unsigned ticks = 0, rings = 0;

	set_up(cpu);
	while (cpu > 0 || count->order != COUNT_POWER_OFF) {
		live_once(cpu);
		if (state->ticks == ticks ||
		    (cpu == 0 && state->rings == rings))
			continue;
		ticks = state->ticks;
		rings = state->rings;
		count->cpu[cpu]++;
	}
	irq_mask();
}

int main(void)
{
	count->order = COUNT_GO_ON;
	on_irq = interrupted;
	write32(PIC + PIC_ENABLE, 1 << PIN_UART);
	/* Those that there are. */
	for (unsigned i = 1; i < COUNT_MAX_CPUS; i++)
		cpu_start(i, live);
	count->mark = COUNT_MARK;
	live(0);
	return 0;
}
