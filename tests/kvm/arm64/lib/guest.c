/* tests/kvm/arm64/lib/guest.c - console, checks, exceptions, CPUs. */
#include "tests/kvm/arm64/lib/guest.h"

#include "tests/kvm/arm64/lib/dt.h"
#include "tests/kvm/arm64/lib/gic.h"

#define VECTOR_SYNC 4 /* from this level, with its own stack */
#define VECTOR_IRQ 5
#define LSR 5
#define LSR_DATA_READY 0x01
#define LSR_EMPTY 0x20

struct boot boot;
struct cpu cpus[MAX_CPUS];

void cpu_main(unsigned index);
void exception(struct frame *frame, unsigned vector);
void secondary_start(void);

bool text_equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

void put_char(char c)
{
	while (!(read8(UART + LSR) & LSR_EMPTY))
		;
	write8(UART, (uint8_t)c);
}

char get_char(void)
{
	while (!(read8(UART + LSR) & LSR_DATA_READY))
		;
	return (char)read8(UART);
}

_Noreturn void power_off(void)
{
	smccc(PSCI_SYSTEM_OFF, 0, 0, 0);
	for (;;)
		;
}

unsigned long read_sized(unsigned long at, unsigned size)
{
	switch (size) {
	case 1:
		return read8(at);
	case 2:
		return read16(at);
	case 4:
		return read32(at);
	default:
		return read64(at);
	}
}

void write_sized(unsigned long at, unsigned size, unsigned long val)
{
	switch (size) {
	case 1:
		write8(at, val);
		break;
	case 2:
		write16(at, val);
		break;
	case 4:
		write32(at, val);
		break;
	default:
		write64(at, val);
	}
}

uint64_t random_next(uint64_t *state)
{
	/* xorshift64*: Marsaglia 2003, Vigna 2016 */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1d;
}

struct cpu *this_cpu(void)
{
	return (struct cpu *)READ_SYSREG("tpidr_el1");
}

unsigned cpu_index(void)
{
	return this_cpu()->index;
}

void catch_fault(void)
{
	struct cpu *cpu = this_cpu();

	cpu->esr = 0;
	cpu->far = 0;
	cpu->catching = true;
	barrier();
}

uint64_t caught_fault(void)
{
	struct cpu *cpu = this_cpu();

	barrier();
	cpu->catching = false;
	return *(volatile uint64_t *)&cpu->esr;
}

uint64_t call_fault(uint64_t address)
{
	this_cpu()->returning = true;
	catch_fault();
	call(address);
	this_cpu()->returning = false;
	return caught_fault();
}

static _Noreturn void unexpected(const struct frame *frame, unsigned vector)
{
	put("\nFAIL exception ");
	put_hex(vector);
	put(": esr ");
	put_hex(READ_SYSREG("esr_el1"));
	put(" far ");
	put_hex(READ_SYSREG("far_el1"));
	put(" at image + ");
	put_hex(frame->elr - boot.image);
	put("\n");
	power_off();
}

static void interrupt(struct cpu *cpu)
{
	const uint32_t ack = gic_ack();
	const unsigned intid = gic_intid(ack);

	if (intid == GIC_SPURIOUS)
		return;
	if (cpu->irq)
		cpu->irq(intid);
	cpu->last_irq = intid;
	__atomic_store_n(&cpu->irqs, cpu->irqs + 1, __ATOMIC_RELEASE);
	gic_end(ack);
}

void exception(struct frame *frame, unsigned vector)
{
	struct cpu *cpu = this_cpu();

	if (vector == VECTOR_IRQ) {
		interrupt(cpu);
		return;
	}
	if (vector != VECTOR_SYNC || !cpu->catching)
		unexpected(frame, vector);
	cpu->caught++;
	cpu->esr = READ_SYSREG("esr_el1");
	cpu->far = READ_SYSREG("far_el1");
	frame->elr = cpu->returning ? frame->x[30] : frame->elr + 4;
}

unsigned cpu_count(void)
{
	struct dt_node node = { 0 };
	unsigned count = 0;

	while (dt_find(&node, "device_type", "cpu"))
		count++;
	return count;
}

uint64_t cpu_mpidr(unsigned index)
{
	struct dt_node node = { 0 };

	for (unsigned i = 0; i <= index; i++)
		CHECK(dt_find(&node, "device_type", "cpu"));
	return dt_number(&node, "reg");
}

uint64_t cpu_start(unsigned index, void (*entry)(struct cpu *cpu))
{
	cpus[index].entry = entry;
	barrier();
	return smccc(PSCI_CPU_ON, cpu_mpidr(index), (uint64_t)secondary_start,
		     index);
}

void cpu_main(unsigned index)
{
	struct cpu *cpu = &cpus[index];

	cpu->index = index;
	WRITE_SYSREG("tpidr_el1", cpu);
	if (index > 0) {
		cpu->entry(cpu);
		smccc(PSCI_CPU_OFF, 0, 0, 0);
		fail("CPU_OFF", 0, "returned", 1, 0);
	}
	if (main() == 0)
		put("ok\n");
	power_off();
}
