/*
 * tests/kvm/arm64/alive.c - a guest that uses all it has, for ever, and notices
 * what is lost. ../rebuild.c pulls the VM away under it.
 *
 * Every CPU keeps its registers full, takes a timer's interrupts, has another
 * timer hold its line high for a while, and passes a token on by SGIs; the last
 * one of more than two is switched off and on. CPU 0 reads a disk by
 * interrupts, sends itself messages by the ITS, and looks at a flash; CPU 1
 * hears from the serial port's level line. A CPU's count goes on when it has
 * seen something of each: whatever does not arrive stops it.
 */
#include "tests/kvm/arm64/alive_its.h"
#include "tests/kvm/arm64/lib/dt.h"
#include "tests/kvm/arm64/lib/gic.h"
#include "tests/kvm/arm64/lib/guest.h"
#include "tests/kvm/arm64/lib/tags.h"
#include "tests/kvm/arm64/lib/virtio.h"
#include "tests/kvm/count.h"

#define TOKEN 3 /* SGI */
#define PERIOD_MS 2
#define TURNS 20000 /* that registers are held for */
#define LIFE 8 /* counts until the CPU that may goes off */
#define IER (UART + 1)
#define IIR (UART + 2)
#define IER_THRE 2
#define TIMER_ON 1UL
#define SECTORS 200
#define SECTOR 512
#define PV_TIME_ST 0xc5000021 /* Arm DEN0057A, 3.2 */
#define FLASH_READ_STATUS 0x700070
#define FLASH_READ_ARRAY 0xff00ff
#define FLASH_READY 0x800080

uint64_t hold_general(uint64_t seed, uint64_t turns);
uint64_t hold_sve(uint64_t seed, uint64_t turns);

static volatile struct count *count;
static unsigned all, ring_cpus; /* CPUs; those that pass the token */
static unsigned timer_intid, line_intid, disk_intid, uart_intid;
static bool has_disk, has_its, has_sve, has_pauth, has_pmu, has_tags;
static uint64_t flash; /* 0: there is none */
/* Of all CPUs' looks at the counters. */
static uint64_t newest, newest_physical;

static struct state {
	unsigned ticks, tokens, passed, rings, lpis, sent;
	uint64_t signature, seed;
	uint64_t record, stolen; /* where its stolen time is; 0: none */
} states[COUNT_MAX_CPUS];

/* A granule for each CPU, which has a tag of its own. They are in different
 * pages: QEMU 7.2 keeps one tag for the even granules of a page, and one for
 * the odd ones. */
#define PAGE 4096
static uint8_t granule[COUNT_MAX_CPUS][PAGE] __attribute__((aligned(PAGE)));

static struct {
	unsigned irqs, done;
	struct virtio dev;
	struct ring ring;
	struct {
		uint32_t type, reserved;
		uint64_t sector;
	} head;
	uint8_t status, data[SECTORS * SECTOR];
	uint64_t sum;
} disk;

static uint64_t now(void)
{
	__asm__ volatile("isb" ::: "memory");
	return READ_SYSREG("cntvct_el0");
}

static void arm_timer(void)
{
	const uint64_t hz = READ_SYSREG("cntfrq_el0");

	WRITE_SYSREG("cntv_cval_el0", now() + hz / 1000 * PERIOD_MS);
	WRITE_SYSREG("cntv_ctl_el0", TIMER_ON);
}

static void interrupted(unsigned intid)
{
	struct state *state = &states[this_cpu()->index];

	if (intid == timer_intid) {
		CHECK(now() >= READ_SYSREG("cntv_cval_el0"));
		state->ticks++;
		arm_timer();
	} else if (intid == TOKEN) {
		state->tokens++;
	} else if (intid == disk_intid) {
		write32(disk.dev.base + VIRTIO_IRQ_ACK,
			read32(disk.dev.base + VIRTIO_IRQ_STATUS));
		disk.irqs++;
	} else if (intid == uart_intid) {
		(void)read8(IIR);
		state->rings++;
	} else if (intid == ITS_LPI) {
		state->lpis++;
	}
}

static uint64_t sign(void)
{
	uint64_t pointer = (uint64_t)sign;

	__asm__(".arch_extension pauth\n\tpacia %0, %1"
		: "+r"(pointer)
		: "r"(42UL));
	return pointer;
}

/* System registers that nothing else uses here. */
// clang-format off
#define FOR_REGISTERS(op, seed)			\
	op("tpidr_el0", (seed) + 1);		\
	op("tpidrro_el0", (seed) + 2);		\
	op("contextidr_el1", (seed) + 3);	\
	op("sp_el0", (seed) * 16 + 4);		\
	op("far_el1", (seed) + 5)
// clang-format on

#define GCR_EL1 "S3_0_C1_C0_6"

static uint64_t wanted_tag(unsigned index)
{
	return index % 15 + 1;
}

static void set_tags(unsigned index)
{
	tags_turn_on();
	tag_set(tag_pointer((uint64_t)granule[index], wanted_tag(index)));
	WRITE_SYSREG(GCR_EL1, 1UL << index); /* a tag that IRG leaves out */
}

static void check_tags(unsigned index)
{
	CHECK_EQ(tag_get((uint64_t)granule[index]), wanted_tag(index));
	CHECK_EQ(READ_SYSREG(GCR_EL1), 1UL << index);
}

static void set_registers(struct state *state, unsigned index)
{
	state->seed = 0x1000 * (index + 1);
	FOR_REGISTERS(WRITE_SYSREG, state->seed);
	if (has_tags) /* first: it changes what a signature is */
		set_tags(index);
	if (has_sve) {
		WRITE_SYSREG("cpacr_el1", 3UL << 20 | 3UL << 16);
		WRITE_SYSREG("S3_0_C1_C2_0", 15); /* ZCR_EL1 */
	}
	if (has_pauth) {
		WRITE_SYSREG("S3_0_C2_C1_0", 0x0123456789abcdef + index);
		WRITE_SYSREG("S3_0_C2_C1_1", 0xfedcba9876543210);
		WRITE_SYSREG("sctlr_el1", READ_SYSREG("sctlr_el1") | 1UL << 31);
		state->signature = sign();
	}
	if (has_pmu) {
		WRITE_SYSREG("pmccfiltr_el0", 1UL << 31);
		WRITE_SYSREG("pmuserenr_el0", 9);
		WRITE_SYSREG("pmcntenclr_el0", 0xffffffff);
		WRITE_SYSREG("pmcntenset_el0", 1UL << 31);
	}
}

#define CHECK_REGISTER(name, want) CHECK_EQ(READ_SYSREG(name), want)

static void check_registers(struct state *state)
{
	FOR_REGISTERS(CHECK_REGISTER, state->seed);
	if (has_pauth)
		CHECK_EQ(sign(), state->signature);
	if (has_pmu) {
		CHECK_EQ(READ_SYSREG("pmccfiltr_el0"), 1UL << 31);
		CHECK_EQ(READ_SYSREG("pmuserenr_el0"), 9);
		CHECK_EQ(READ_SYSREG("pmcntenset_el0"), 1UL << 31);
	}
	if (has_tags)
		check_tags(this_cpu()->index);
	CHECK_EQ(hold_general(state->seed, TURNS), 0);
	if (has_sve)
		CHECK_EQ(hold_sve(state->seed, TURNS), 0);
}

/* The interrupt of this timer is not enabled: it is pending while the line is
 * high, and not once it has gone down. */
static void hold_line(struct state *state)
{
	WRITE_SYSREG("cntp_cval_el0", 0);
	WRITE_SYSREG("cntp_ctl_el0", TIMER_ON);
	CHECK(gic_pending(line_intid));
	check_registers(state);
	CHECK(gic_pending(line_intid));
	WRITE_SYSREG("cntp_ctl_el0", 0);
	CHECK(!gic_pending(line_intid));
}

/* Time is one for all CPUs, and does not run back. */
static uint64_t now_physical(void)
{
	__asm__ volatile("isb" ::: "memory");
	return READ_SYSREG("cntpct_el0");
}

static void check_counter(uint64_t *last, uint64_t (*read)(void))
{
	const uint64_t seen = __atomic_load_n(last, __ATOMIC_ACQUIRE);
	const uint64_t at = read();

	CHECK(at >= seen);
	__atomic_store_n(last, at, __ATOMIC_RELEASE);
}

static void check_clock(void)
{
	check_counter(&newest, now);
	check_counter(&newest_physical, now_physical);
}

/* Nor does the time that it was kept waiting. */
static void check_stolen(struct state *state)
{
	uint64_t stolen;

	if (state->record == 0)
		return;
	stolen = read64(state->record + 8);
	CHECK(stolen >= state->stolen);
	state->stolen = stolen;
}

static void offer(void)
{
	disk.ring.desc[0] = (struct desc){ (uint64_t)&disk.head, 16, DESC_NEXT,
					   1 };
	disk.ring.desc[1] = (struct desc){ (uint64_t)disk.data,
					   sizeof(disk.data),
					   DESC_NEXT | DESC_WRITE, 2 };
	disk.ring.desc[2] = (struct desc){ (uint64_t)&disk.status, 1,
					   DESC_WRITE, 0 };
	memset(disk.data, 0x5a, sizeof(disk.data));
	disk.status = 0xff;
	virtio_offer(&disk.dev, 0);
}

/* A request is always under way. Its end is seen by its interrupt alone. */
static void drive_disk(void)
{
	uint64_t sum = 0;

	if (*(volatile unsigned *)&disk.irqs == disk.done)
		return;
	CHECK_EQ(virtio_wait(&disk.dev), sizeof(disk.data) + 1);
	CHECK_EQ(disk.status, 0);
	for (unsigned i = 0; i < sizeof(disk.data); i += 8)
		sum = sum * 31 + *(uint64_t *)(disk.data + i);
	if (disk.done++ == 0)
		disk.sum = sum;
	CHECK_EQ(sum, disk.sum);
	/* An interrupt may stand for what was seen before it. */
	disk.irqs = disk.done;
	offer();
}

static void pass_token(struct state *state, unsigned index)
{
	if (index >= ring_cpus ||
	    *(volatile unsigned *)&state->tokens == state->passed)
		return;
	CHECK_EQ(state->tokens, state->passed + 1);
	state->passed++;
	gic_send((index + 1) % ring_cpus, TOKEN);
}

/* One is on its way, and no other before that has come. */
static void drive_its(struct state *state)
{
	if (*(volatile unsigned *)&state->lpis != state->sent)
		return;
	state->sent++;
	its_send();
}

/* A chip whose status is read stays so, with its slot taken away. */
static void use_flash(void)
{
	static bool status;

	CHECK_EQ(read32(flash), status ? FLASH_READY : 0);
	if ((count->cpu[0] % 4 >= 2) == status)
		return;
	status = !status;
	write32(flash, status ? FLASH_READ_STATUS : FLASH_READ_ARRAY);
}

struct seen {
	unsigned ticks, passed, rings, lpis, done;
};

/* All that this CPU waits for has come since the last count. */
static bool has_moved(const struct state *state, const struct seen *seen,
		      unsigned index)
{
	return state->ticks != seen->ticks &&
	       (index >= ring_cpus || state->passed != seen->passed) &&
	       (index != 1 || state->rings != seen->rings) &&
	       (index != 0 || !has_its || state->lpis != seen->lpis) &&
	       (index != 0 || !has_disk || disk.done != seen->done);
}

static struct seen look(const struct state *state)
{
	return (struct seen){ state->ticks, state->passed, state->rings,
			      state->lpis, disk.done };
}

static void live_once(struct state *state, unsigned index)
{
	hold_line(state);
	check_clock();
	check_stolen(state);
	pass_token(state, index);
	if (index == 0 && has_disk)
		drive_disk();
	if (index == 0 && has_its)
		drive_its(state);
	if (index == 0 && flash)
		use_flash();
	if (index == 1) {
		write8(IER, 0);
		write8(IER, IER_THRE);
	}
}

/* The record of a CPU that is started again begins anew. */
static void find_record(struct state *state)
{
	const uint64_t at = smccc(PV_TIME_ST, 0, 0, 0);

	state->record = at == PSCI_NOT_SUPPORTED ? 0 : at;
	state->stolen = 0;
}

static void set_up(struct cpu *cpu)
{
	gic_setup_cpu();
	cpu->irq = interrupted;
	gic_enable(TOKEN);
	gic_enable(timer_intid);
	if (cpu->index == 0 && has_disk)
		gic_enable(disk_intid);
	if (cpu->index == 1)
		gic_enable(uart_intid);
	set_registers(&states[cpu->index], cpu->index);
	find_record(&states[cpu->index]);
	arm_timer();
	irq_unmask();
}

static void live(struct cpu *cpu)
{
	const unsigned index = cpu->index;
	struct state *state = &states[index];
	struct seen seen = { 0 };
	unsigned life = 0;

	set_up(cpu);
	while (index < ring_cpus || life < LIFE) {
		live_once(state, index);
		if (!has_moved(state, &seen, index))
			continue;
		seen = look(state);
		count->cpu[index]++;
		life++;
	}
	irq_mask();
}

static void find_all(void)
{
	struct dt_node node = { 0 };

	CHECK(dt_find(&node, "compatible", "arm,armv8-timer"));
	timer_intid = dt_intid(&node, 2);
	line_intid = dt_intid(&node, 1);
	node.at = 0;
	CHECK(dt_find(&node, "compatible", "ns16550a"));
	uart_intid = gic_enable_for(&node, 0);
	gic_disable(uart_intid);
	has_disk = virtio_find(&disk.dev, VIRTIO_BLK, 0);
	node.at = 0;
	while (has_disk && dt_find(&node, "compatible", "virtio,mmio") &&
	       dt_address(&node, 0) != disk.dev.base)
		;
	if (has_disk) {
		disk_intid = gic_enable_for(&node, 0);
		gic_disable(disk_intid);
	}
	node.at = 0;
	if (dt_find(&node, "compatible", "cfi-flash"))
		flash = dt_address(&node, 0);
	has_sve = READ_SYSREG("id_aa64pfr0_el1") >> 32 & 15;
	has_pauth = READ_SYSREG("id_aa64isar1_el1") & 0xff0;
	has_pmu = READ_SYSREG("id_aa64dfr0_el1") >> 8 & 15;
	has_tags = tags_exist();
	all = cpu_count();
	ring_cpus = all > 2 ? all - 1 : all;
}

int main(void)
{
	struct cpu *cpu = this_cpu();
	struct seen seen = { 0 };

	count = (volatile struct count *)(boot.image - 0x1000);
	count->order = COUNT_GO_ON;
	gic_setup();
	find_all();
	for (unsigned i = 1; i < all; i++)
		CHECK_EQ(cpu_start(i, live), PSCI_SUCCESS);
	set_up(cpu);
	if (has_disk) {
		virtio_begin(&disk.dev, 0);
		virtio_start(&disk.dev, &disk.ring);
		offer();
	}
	has_its = its_begin();
	if (has_its)
		count->pending = its_pending_word() - (boot.image - 0x80000);
	states[0].tokens = 1;
	count->mark = COUNT_MARK;
	while (count->order != COUNT_POWER_OFF) {
		live_once(&states[0], 0);
		/* Off it is only when PSCI says so: it may be on the way. */
		if (all > ring_cpus &&
		    smccc(PSCI_AFFINITY_INFO, cpu_mpidr(ring_cpus), 0, 0) == 1)
			CHECK_EQ(cpu_start(ring_cpus, live), PSCI_SUCCESS);
		if (!has_moved(&states[0], &seen, 0))
			continue;
		seen = look(&states[0]);
		count->cpu[0]++;
	}
	return 0;
}
