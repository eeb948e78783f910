/* arch/mips/gdb.c - KVM has no way to stop a guest of MIPS for gdb: all of this
 * says so. */
#include <errno.h>

#include "arch/arch.h"
#include "vmm/debug/gdb_guest.h"

static size_t find_no_register(unsigned n, size_t *ret_offset)
{
	(void)n;
	(void)ret_offset;
	return 0;
}

const struct gdb_registers arch_gdb_registers = { .xml = "",
						  .find = find_no_register };
const uint8_t arch_gdb_break[GDB_BREAK_MAX];
const size_t arch_gdb_break_size = GDB_BREAK_MAX;

static int refuse_gdb(struct err *err)
{
	return err_set(err, -ENOTSUP, "KVM cannot debug guests on MIPS");
}

int arch_gdb_check(const struct vm *vm, struct err *err)
{
	(void)vm;
	return refuse_gdb(err);
}

int arch_gdb_read(struct vcpu *vcpu, uint8_t *ret, struct err *err)
{
	(void)vcpu;
	(void)ret;
	return refuse_gdb(err);
}

int arch_gdb_write(struct vcpu *vcpu, const uint8_t *bytes, struct err *err)
{
	(void)vcpu;
	(void)bytes;
	return refuse_gdb(err);
}

int arch_gdb_translate(struct vcpu *vcpu, uint64_t addr, uint64_t *ret,
		       struct err *err)
{
	(void)vcpu;
	(void)addr;
	(void)ret;
	return refuse_gdb(err);
}

int arch_gdb_set(struct vcpu *vcpu, const struct gdb_points *points, bool step,
		 struct err *err)
{
	(void)vcpu;
	(void)points;
	(void)step;
	return refuse_gdb(err);
}

void arch_gdb_why(struct vcpu *vcpu, struct gdb_stop *ret, uint64_t *ret_pc)
{
	(void)vcpu;
	(void)ret;
	*ret_pc = 0;
}

int arch_gdb_pass_on(struct vcpu *vcpu, struct err *err)
{
	(void)vcpu;
	return refuse_gdb(err);
}
