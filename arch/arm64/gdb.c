/* arch/arm64/gdb.c - a vCPU of KVM's under gdb. */
#include "arch/arm64/gdb.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>

#include "arch/arch.h"
#include "arch/arm64/machine.h"
#include "arch/arm64/regs.h"
#include "arch/arm64/vcpu.h"
#include "base/bytes.h"
#include "vmm/debug/gdb_guest.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/machine.h"

#define REG_SCTLR ARM64_SYS_REG(3, 0, 1, 0, 0)
#define REG_TTBR0 ARM64_SYS_REG(3, 0, 2, 0, 0)
#define REG_TTBR1 ARM64_SYS_REG(3, 0, 2, 0, 1)
#define REG_TCR ARM64_SYS_REG(3, 0, 2, 0, 2)
#define REG_ESR ARM64_SYS_REG(3, 0, 5, 2, 0)
#define REG_VBAR ARM64_SYS_REG(3, 0, 12, 0, 0)
#define REG_ELR ARM64_REG_CORE(elr_el1)
#define REG_SPSR ARM64_REG_CORE(spsr[0])

/* Source: Arm ARM, ESR_ELx and SPSR_ELx. */
#define EC_SHIFT 26
enum {
	EC_HARDWARE_LOWER = 0x30,
	EC_STEP_LOWER = 0x32,
	EC_WATCH_LOWER = 0x34,
	EC_BREAK = 0x3c
};
#define MODE_MASK 0x1fU
#define MODE_EL1T 0x4U
#define MODE_EL1H 0x5U
#define MASKED 0x3c0U /* D, A, I and F */
#define MODE_AARCH32 0x10U
/* Vectors of exceptions from the same level with SP_EL0 and SP_EL1, and from
 * the lower one. */
enum { VECTOR_EL1T = 0, VECTOR_EL1H = 0x200, VECTOR_EL0 = 0x400 };

#define BREAK_ON 1U
#define BREAK_EL0_EL1 (3U << 1)
#define BREAK_WORD (15U << 5)

#define PART_MAX 256 /* bytes of a register, as KVM has it */
#define PAIRS 16 /* debug registers of a kind, at most */

static const char description[] =
	"<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
	"<target><architecture>aarch64</architecture>"
	"<feature name=\"org.gnu.gdb.aarch64.core\">"
#define X(n) "<reg name=\"x" #n "\" bitsize=\"64\"/>"
	X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(
		13) X(14) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23)
		X(24) X(25) X(26) X(27) X(28) X(29) X(30)
#undef X
			"<reg name=\"sp\" bitsize=\"64\" type=\"data_ptr\"/>"
			"<reg name=\"pc\" bitsize=\"64\" type=\"code_ptr\"/>"
			"<reg name=\"cpsr\" bitsize=\"32\"/></feature>"
			"<feature name=\"org.gnu.gdb.aarch64.fpu\">"
			"<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
			"<vector id=\"v2u\" type=\"uint64\" count=\"2\"/>"
			"<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
			"<vector id=\"v4u\" type=\"uint32\" count=\"4\"/>"
			"<vector id=\"v8u\" type=\"uint16\" count=\"8\"/>"
			"<vector id=\"v16u\" type=\"uint8\" count=\"16\"/>"
			"<vector id=\"v1u\" type=\"uint128\" count=\"1\"/>"
			"<union id=\"vnd\"><field name=\"f\" type=\"v2d\"/>"
			"<field name=\"u\" type=\"v2u\"/></union>"
			"<union id=\"vns\"><field name=\"f\" type=\"v4f\"/>"
			"<field name=\"u\" type=\"v4u\"/></union>"
			"<union id=\"vnh\"><field name=\"u\" "
			"type=\"v8u\"/></union>"
			"<union id=\"vnb\"><field name=\"u\" "
			"type=\"v16u\"/></union>"
			"<union id=\"vnq\"><field name=\"u\" "
			"type=\"v1u\"/></union>"
			"<union id=\"aarch64v\"><field name=\"d\" "
			"type=\"vnd\"/>"
			"<field name=\"s\" type=\"vns\"/><field name=\"h\" "
			"type=\"vnh\"/>"
			"<field name=\"b\" type=\"vnb\"/><field name=\"q\" "
			"type=\"vnq\"/></union>"
#define V(n) "<reg name=\"v" #n "\" bitsize=\"128\" type=\"aarch64v\"/>"
	V(0) V(1) V(2) V(3) V(4) V(5) V(6) V(7) V(8) V(9) V(10) V(11) V(12)
		V(13) V(14) V(15) V(16) V(17) V(18) V(19) V(20) V(21) V(22)
			V(23) V(24) V(25) V(26) V(27) V(28) V(29) V(30) V(31)
#undef V
				"<reg name=\"fpsr\" bitsize=\"32\"/><reg "
				"name=\"fpcr\" bitsize=\"32\"/>"
				"</feature></target>";

const struct gdb_registers arch_gdb_registers = {
	.xml = description,
	.size = ARM64_GDB_SIZE,
	.find = arm64_gdb_find,
};

const uint8_t arch_gdb_break[] = { 0x00, 0x00, 0x20, 0xd4 };
const size_t arch_gdb_break_size = 4;

int arch_gdb_check(const struct vm *vm, struct err *err)
{
	if (kvm_cap(vm->kvm, KVM_CAP_SET_GUEST_DEBUG) > 0)
		return 0;
	return err_set(err, -ENOTSUP,
		       "this host's KVM cannot debug its guests");
}

/* SP as the guest has it now. */
static uint64_t sp_register(uint64_t pstate)
{
	return pstate & 1 ? ARM64_REG_CORE(sp_el1) : ARM64_REG_CORE(regs.sp);
}

/* Transfers one register that gdb has @size bytes of at @at. With SVE, KVM has
 * a vector register as the low bits of the scalable one. */
static int read_part(const struct vcpu *vcpu, uint64_t id, uint8_t *at,
		     size_t size, struct err *err)
{
	uint8_t val[PART_MAX] = { 0 };
	const int r = kvm_get_reg(vcpu->fd, id, val, err);

	if (r == 0)
		memcpy(at, val, size);
	return r;
}

static int write_part(const struct vcpu *vcpu, uint64_t id, const uint8_t *at,
		      size_t size, struct err *err)
{
	uint8_t val[PART_MAX] = { 0 };
	int r = kvm_get_reg(vcpu->fd, id, val, err);

	if (r < 0)
		return r;
	if (memcmp(val, at, size) == 0)
		return 0;
	memcpy(val, at, size);
	return kvm_set_reg(vcpu->fd, id, val, err);
}

static uint64_t vector_register(const struct vcpu *vcpu, unsigned n)
{
	return vcpu->vm->machine->limits.features & ARM64_HAS_SVE
		     ? KVM_REG_ARM64_SVE_ZREG(n, 0)
		     : ARM64_REG_V(n);
}

/* KVM's id of gdb's register @n. */
static uint64_t register_id(const struct vcpu *vcpu, unsigned n,
			    uint64_t pstate)
{
	if (n < 31)
		return ARM64_REG_X(n);
	switch (n) {
	case 31:
		return sp_register(pstate);
	case 32:
		return ARM64_REG_PC;
	case 33:
		return ARM64_REG_PSTATE;
	case 66:
		return ARM64_REG_FPSR;
	case 67:
		return ARM64_REG_FPCR;
	default:
		return vector_register(vcpu, n - 34);
	}
}

int arch_gdb_read(struct vcpu *vcpu, uint8_t *ret, struct err *err)
{
	uint64_t pstate = 0;
	size_t offset, size;
	int r = kvm_get_reg(vcpu->fd, ARM64_REG_PSTATE, &pstate, err);

	for (unsigned n = 0; r == 0 && (size = arm64_gdb_find(n, &offset)) > 0;
	     n++)
		r = read_part(vcpu, register_id(vcpu, n, pstate), ret + offset,
			      size, err);
	return r;
}

/* PSTATE first: it says which SP is meant. */
int arch_gdb_write(struct vcpu *vcpu, const uint8_t *bytes, struct err *err)
{
	const uint64_t pstate = load_le32(bytes + ARM64_GDB_PSTATE);
	size_t offset, size;
	int r = write_part(vcpu, ARM64_REG_PSTATE, bytes + ARM64_GDB_PSTATE, 4,
			   err);

	for (unsigned n = 0; r == 0 && (size = arm64_gdb_find(n, &offset)) > 0;
	     n++)
		r = write_part(vcpu, register_id(vcpu, n, pstate),
			       bytes + offset, size, err);
	return r;
}

int arch_gdb_translate(struct vcpu *vcpu, uint64_t addr, uint64_t *ret,
		       struct err *err)
{
	struct arm64_mmu mmu = { 0 };
	int r = kvm_get_reg(vcpu->fd, REG_SCTLR, &mmu.sctlr, err);

	if (r == 0)
		r = kvm_get_reg(vcpu->fd, REG_TCR, &mmu.tcr, err);
	if (r == 0)
		r = kvm_get_reg(vcpu->fd, REG_TTBR0, &mmu.ttbr0, err);
	if (r == 0)
		r = kvm_get_reg(vcpu->fd, REG_TTBR1, &mmu.ttbr1, err);
	return r == 0 ? arm64_walk(&vcpu->vm->machine->mem, &mmu, addr, ret)
		      : r;
}

static int add_watch(struct kvm_guest_debug_arch *regs, unsigned n,
		     const struct gdb_guest_point *point)
{
	struct arm64_watch watch;
	const int r = arm64_gdb_watch(point->addr, point->len,
				      point->kind != GDB_POINT_WRITE,
				      point->kind != GDB_POINT_READ, &watch);

	if (r < 0)
		return r;
	regs->dbg_wcr[n] = watch.control;
	regs->dbg_wvr[n] = watch.value;
	return 0;
}

static int fill_points(const struct vcpu *vcpu, const struct gdb_points *points,
		       struct kvm_guest_debug *ret, struct err *err)
{
	const unsigned breaks = (unsigned)kvm_cap(vcpu->vm->kvm,
						  KVM_CAP_GUEST_DEBUG_HW_BPS);
	const unsigned watches = (unsigned)kvm_cap(vcpu->vm->kvm,
						   KVM_CAP_GUEST_DEBUG_HW_WPS);
	unsigned breaking = 0, watching = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < points->count; i++) {
		const struct gdb_guest_point *point = &points->at[i];

		if (point->kind == GDB_POINT_SOFTWARE)
			continue;
		if (point->kind == GDB_POINT_HARDWARE) {
			if (breaking == breaks || breaking == PAIRS)
				r = -ENOSPC;
			else
				ret->arch.dbg_bvr[breaking] = point->addr &
							      ~3ULL;
			if (r == 0)
				ret->arch.dbg_bcr[breaking++] = BREAK_ON |
								BREAK_EL0_EL1 |
								BREAK_WORD;
			continue;
		}
		if (watching == watches || watching == PAIRS)
			r = -ENOSPC;
		else
			r = add_watch(&ret->arch, watching++, point);
	}
	if (breaking + watching > 0)
		ret->control |= KVM_GUESTDBG_USE_HW;
	return r < 0 ? err_set(err, r, "debug registers") : 0;
}

int arch_gdb_set(struct vcpu *vcpu, const struct gdb_points *points, bool step,
		 struct err *err)
{
	struct kvm_guest_debug debug = { 0 };
	int r;

	if (points) {
		debug.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP |
				(step ? KVM_GUESTDBG_SINGLESTEP : 0);
		r = fill_points(vcpu, points, &debug, err);
		if (r < 0)
			return r;
	}
	r = kvm_ioctl(vcpu->fd, KVM_SET_GUEST_DEBUG, &debug, err);
	return r < 0 ? r : 0;
}

void arch_gdb_why(struct vcpu *vcpu, struct gdb_stop *ret, uint64_t *ret_pc)
{
	const struct kvm_debug_exit_arch *debug = &vcpu->run->debug.arch;
	struct err err = { 0 };

	*ret_pc = 0;
	(void)kvm_get_reg(vcpu->fd, ARM64_REG_PC, ret_pc, &err);
	switch (debug->hsr >> EC_SHIFT & ~1U) {
	case EC_HARDWARE_LOWER:
		ret->why = GDB_WHY_HARDWARE;
		break;
	case EC_WATCH_LOWER:
		ret->why = GDB_WHY_WATCH;
		ret->addr = debug->far;
		break;
	case EC_BREAK:
		ret->why = GDB_WHY_SOFTWARE;
		break;
	default:
		ret->why = GDB_WHY_STEP;
		break;
	}
}

/* Where the guest's kernel takes an exception, seen from @pstate. */
static uint64_t vector_offset(uint64_t pstate)
{
	switch (pstate & MODE_MASK) {
	case MODE_EL1H:
		return VECTOR_EL1H;
	case MODE_EL1T:
		return VECTOR_EL1T;
	default:
		return VECTOR_EL0;
	}
}

/* As the processor takes the exception: a kernel uses the instruction for
 * warnings and probes. KVM's syndrome is the guest's. */
int arch_gdb_pass_on(struct vcpu *vcpu, struct err *err)
{
	uint64_t pc = 0, pstate = 0, vbar = 0;
	uint64_t esr = vcpu->run->debug.arch.hsr;
	int r = kvm_get_reg(vcpu->fd, ARM64_REG_PC, &pc, err);

	if (r == 0)
		r = kvm_get_reg(vcpu->fd, ARM64_REG_PSTATE, &pstate, err);
	if (r == 0)
		r = kvm_get_reg(vcpu->fd, REG_VBAR, &vbar, err);
	if (r < 0)
		return r;
	if (pstate & MODE_AARCH32)
		return err_set(err, -ENOTSUP,
			       "a breakpoint of a 32-bit program");
	vbar += vector_offset(pstate);
	r = kvm_set_reg(vcpu->fd, REG_ELR, &pc, err);
	if (r == 0)
		r = kvm_set_reg(vcpu->fd, REG_SPSR, &pstate, err);
	if (r == 0)
		r = kvm_set_reg(vcpu->fd, REG_ESR, &esr, err);
	if (r == 0)
		r = kvm_set_reg(vcpu->fd, ARM64_REG_PC, &vbar, err);
	pstate = MASKED | MODE_EL1H;
	return r == 0 ? kvm_set_reg(vcpu->fd, ARM64_REG_PSTATE, &pstate, err)
		      : r;
}
