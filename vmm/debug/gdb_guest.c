/* vmm/debug/gdb_guest.c - a guest of KVM's, as gdb sees it. */
#include "vmm/debug/gdb_guest.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "arch/arch.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/machine.h"

/* Pieces of memory that one translation is good for, in bytes. */
#define PIECE UINT64_C(4096)

static void hold_debugged(struct gdb_guest *guest)
{
	if (guest->held)
		return;
	guest->held = true;
	guest->holder.hold(guest->holder.ctx);
}

static void release_debugged(struct gdb_guest *guest)
{
	if (!guest->held)
		return;
	guest->held = false;
	guest->holder.release(guest->holder.ctx);
}

static bool has_breakpoint(const struct gdb_guest *guest, uint64_t pc)
{
	for (size_t i = 0; i < guest->points.count; i++)
		if (guest->points.at[i].kind == GDB_POINT_SOFTWARE &&
		    guest->points.at[i].addr == pc)
			return true;
	return false;
}

static enum gdb_point watch_kind(const struct gdb_guest *guest, uint64_t addr)
{
	for (size_t i = 0; i < guest->points.count; i++) {
		const struct gdb_guest_point *point = &guest->points.at[i];

		if (point->kind >= GDB_POINT_WRITE && addr >= point->addr &&
		    addr - point->addr < point->len)
			return point->kind;
	}
	return GDB_POINT_ACCESS;
}

/* Judges why a vCPU has stopped. False: it is the guest's own business. */
static bool judge_trap(struct gdb_guest *guest, struct vcpu *vcpu,
		       struct gdb_stop *ret)
{
	struct err err = { 0 };
	uint64_t pc;

	*ret = (struct gdb_stop){ .cpu = vcpu->index };
	arch_gdb_why(vcpu, ret, &pc);
	if (ret->why == GDB_WHY_WATCH)
		ret->point = watch_kind(guest, ret->addr);
	if (ret->why != GDB_WHY_SOFTWARE || has_breakpoint(guest, pc))
		return true;
	if (arch_gdb_pass_on(vcpu, &err) == 0)
		return false;
	log_warn("gdb: vcpu %u: %s", vcpu->index, err.msg);
	return true;
}

static void trap_ready(struct loop_watch *watch, uint32_t events)
{
	struct gdb_guest *guest = container_of(watch, struct gdb_guest, trap);
	struct vm *vm = guest->vm;
	struct gdb_stop stop, first;
	bool found = false;
	uint64_t count;

	(void)events;
	(void)!read(watch->fd, &count, sizeof(count));
	if (!vm || guest->held)
		return;
	hold_debugged(guest);
	for (unsigned i = 0; i < vm->vcpus; i++) {
		/* What stopped it stops it again, if it is not told of. */
		if (!vcpu_take_trap(&vm->vcpu[i]) ||
		    !judge_trap(guest, &vm->vcpu[i], &stop) || found)
			continue;
		found = true;
		first = stop;
	}
	if (found)
		guest->holder.stopped(guest->holder.ctx, &first);
	else
		release_debugged(guest);
}

int gdb_guest_init(struct gdb_guest *guest, struct vm *vm, struct loop *loop,
		   const struct gdb_holder *holder, struct err *err)
{
	int r = arch_gdb_check(vm, err);

	if (r < 0)
		return r;
	*guest =
		(struct gdb_guest){ .vm = vm, .loop = loop, .holder = *holder };
	guest->trap.ready = trap_ready;
	guest->trap.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (guest->trap.fd < 0)
		return err_sys(err, "gdb: eventfd");
	r = loop_add(loop, &guest->trap, EPOLLIN, err);
	if (r < 0) {
		fd_closep(&guest->trap.fd);
		return r;
	}
	hold_debugged(guest);
	vcpu_group_set_trap(&vm->group, guest->trap.fd);
	return 0;
}

/* Memory as the guest has it, at most @len bytes of it. */
static uint8_t *find_memory(struct gdb_guest *guest, unsigned cpu,
			    bool physical, uint64_t addr, size_t len,
			    size_t *ret_len)
{
	const uint64_t left = PIECE - addr % PIECE;
	struct err err = { 0 };
	gpa_t gpa = addr;
	uint8_t *host;
	uint64_t size = left < len ? left : len;

	if (!physical &&
	    arch_gdb_translate(&guest->vm->vcpu[cpu], addr, &gpa, &err) < 0)
		return NULL;
	host = mem_ptr_part(&guest->vm->machine->mem, gpa, size, MEM_WRITE,
			    &size);
	*ret_len = (size_t)size;
	return host;
}

static int write_guest(struct gdb_guest *guest, unsigned cpu, bool physical,
		       uint64_t addr, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		size_t part;
		uint8_t *host = find_memory(guest, cpu, physical, addr, len,
					    &part);

		if (!host)
			return -EFAULT;
		memcpy(host, bytes, part);
		/* It may be instructions. */
		__builtin___clear_cache((char *)host, (char *)host + part);
		mem_wrote(&guest->vm->machine->mem, host, part);
		addr += part;
		bytes += part;
		len -= part;
	}
	return 0;
}

static int read_guest(struct gdb_guest *guest, unsigned cpu, bool physical,
		      uint64_t addr, uint8_t *ret, size_t len)
{
	while (len > 0) {
		size_t part;
		const uint8_t *host = find_memory(guest, cpu, physical, addr,
						  len, &part);

		if (!host)
			return -EFAULT;
		memcpy(ret, host, part);
		addr += part;
		ret += part;
		len -= part;
	}
	return 0;
}

/* Takes @point's own bytes for those in memory, or the other way round: copies
 * the bytes of [addr, addr + len) that it covers. */
static void cover_point(const struct gdb_guest_point *point, uint64_t addr,
			uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < point->len; i++) {
		const uint64_t at = point->addr + i - addr;

		if (at < len)
			bytes[at] = point->was[i];
	}
}

static unsigned guest_cpus(void *ctx)
{
	return ((struct gdb_guest *)ctx)->vm->vcpus;
}

static int guest_read_registers(void *ctx, unsigned cpu, uint8_t *ret)
{
	struct gdb_guest *guest = ctx;
	struct err err = { 0 };

	return arch_gdb_read(&guest->vm->vcpu[cpu], ret, &err);
}

static int guest_write_registers(void *ctx, unsigned cpu, const uint8_t *bytes)
{
	struct gdb_guest *guest = ctx;
	struct err err = { 0 };

	return arch_gdb_write(&guest->vm->vcpu[cpu], bytes, &err);
}

static int guest_read_memory(void *ctx, unsigned cpu, bool physical,
			     uint64_t addr, uint8_t *ret, size_t len)
{
	struct gdb_guest *guest = ctx;
	const int r = read_guest(guest, cpu, physical, addr, ret, len);

	if (r < 0 || physical)
		return r;
	for (size_t i = 0; i < guest->points.count; i++)
		if (guest->points.at[i].kind == GDB_POINT_SOFTWARE)
			cover_point(&guest->points.at[i], addr, ret, len);
	return 0;
}

/* Writes under breakpoints, which stay. */
static int guest_write_memory(void *ctx, unsigned cpu, bool physical,
			      uint64_t addr, const uint8_t *bytes, size_t len)
{
	struct gdb_guest *guest = ctx;
	int r = write_guest(guest, cpu, physical, addr, bytes, len);

	for (size_t i = 0; r == 0 && !physical && i < guest->points.count;
	     i++) {
		struct gdb_guest_point *point = &guest->points.at[i];

		if (point->kind != GDB_POINT_SOFTWARE)
			continue;
		for (size_t j = 0; j < point->len; j++)
			if (point->addr + j - addr < len)
				point->was[j] = bytes[point->addr + j - addr];
		if (point->addr - addr < len || addr - point->addr < point->len)
			r = write_guest(guest, cpu, false, point->addr,
					arch_gdb_break, arch_gdb_break_size);
	}
	return r;
}

static struct gdb_guest_point *find_point(struct gdb_guest *guest,
					  enum gdb_point kind, uint64_t addr,
					  uint64_t len)
{
	for (size_t i = 0; i < guest->points.count; i++) {
		struct gdb_guest_point *point = &guest->points.at[i];

		if (point->kind == kind && point->addr == addr &&
		    (point->len == len || kind == GDB_POINT_SOFTWARE))
			return point;
	}
	return NULL;
}

static int add_point(struct gdb_guest *guest, struct gdb_guest_point point)
{
	struct gdb_points *points = &guest->points;
	struct err err = { 0 };
	int r = 0;

	if (points->count == GDB_POINTS_MAX)
		return -ENOSPC;
	if (point.kind == GDB_POINT_SOFTWARE) {
		point.len = arch_gdb_break_size;
		r = read_guest(guest, 0, false, point.addr, point.was,
			       arch_gdb_break_size);
		if (r == 0)
			r = write_guest(guest, 0, false, point.addr,
					arch_gdb_break, arch_gdb_break_size);
		if (r < 0)
			return r;
	}
	points->at[points->count++] = point;
	/* Whether KVM has as many: it is told at each resume. */
	if (point.kind != GDB_POINT_SOFTWARE) {
		r = arch_gdb_set(&guest->vm->vcpu[0], points, false, &err);
		if (r < 0)
			points->count--;
	}
	return r;
}

static int remove_point(struct gdb_guest *guest, struct gdb_guest_point *point)
{
	int r = 0;

	if (point->kind == GDB_POINT_SOFTWARE)
		r = write_guest(guest, 0, false, point->addr, point->was,
				(size_t)point->len);
	*point = guest->points.at[--guest->points.count];
	return r;
}

static int guest_set_point(void *ctx, enum gdb_point kind, uint64_t addr,
			   uint64_t len, bool set)
{
	struct gdb_guest *guest = ctx;
	struct gdb_guest_point *point = find_point(guest, kind, addr, len);

	if (set)
		return point ? 0
			     : add_point(guest, (struct gdb_guest_point){
							.kind = kind,
							.addr = addr,
							.len = len });
	return point ? remove_point(guest, point) : 0;
}

/* Tells each vCPU what stops it, and whether it goes on. */
static int prepare_vcpus(struct gdb_guest *guest, const struct gdb_resume *how)
{
	struct vm *vm = guest->vm;
	struct err err = { 0 };
	int r = 0;

	for (unsigned i = 0; r == 0 && i < vm->vcpus; i++) {
		struct vcpu *vcpu = &vm->vcpu[i];
		const bool meant = i == how->cpu;

		r = arch_gdb_set(vcpu, &guest->points, meant && how->steps,
				 &err);
		/* One that trapped while the guest was stopped already was not
		 * told of: it traps again. */
		(void)vcpu_take_trap(vcpu);
		vcpu_set_held(vcpu, !meant && !how->others);
	}
	return r;
}

static int guest_resume(void *ctx, const struct gdb_resume *how)
{
	struct gdb_guest *guest = ctx;
	const int r = prepare_vcpus(guest, how);

	if (r == 0)
		release_debugged(guest);
	return r;
}

static void guest_interrupt(void *ctx)
{
	static const struct gdb_stop stop = { .why = GDB_WHY_ASKED };
	struct gdb_guest *guest = ctx;

	if (guest->held)
		return;
	hold_debugged(guest);
	guest->holder.stopped(guest->holder.ctx, &stop);
}

static void guest_kill(void *ctx)
{
	struct gdb_guest *guest = ctx;

	guest->holder.kill(guest->holder.ctx);
}

const struct gdb_target_ops gdb_guest_ops = {
	.cpus = guest_cpus,
	.read_registers = guest_read_registers,
	.write_registers = guest_write_registers,
	.read_memory = guest_read_memory,
	.write_memory = guest_write_memory,
	.set_point = guest_set_point,
	.resume = guest_resume,
	.interrupt = guest_interrupt,
	.kill = guest_kill,
};

void gdb_guest_finish(struct gdb_guest *guest)
{
	struct vm *vm = guest->vm;
	struct err err = { 0 };

	if (vm) {
		hold_debugged(guest);
		while (guest->points.count > 0)
			(void)remove_point(guest, &guest->points.at[0]);
		vcpu_group_set_trap(&vm->group, -1);
		for (unsigned i = 0; i < vm->vcpus; i++) {
			(void)arch_gdb_set(&vm->vcpu[i], NULL, false, &err);
			(void)vcpu_take_trap(&vm->vcpu[i]);
			vcpu_set_held(&vm->vcpu[i], false);
		}
	}
	loop_remove(guest->loop, &guest->trap);
	fd_closep(&guest->trap.fd);
	release_debugged(guest);
}

/* The breakpoints that were in memory are not there any more. */
static void forget_software_points(struct gdb_points *points)
{
	size_t kept = 0;

	for (size_t i = 0; i < points->count; i++)
		if (points->at[i].kind != GDB_POINT_SOFTWARE)
			points->at[kept++] = points->at[i];
	points->count = kept;
}

void gdb_guest_restarts(struct gdb_guest *guest, struct vm *vm)
{
	static const struct gdb_resume all = { .others = true };

	if (!vm) {
		guest->stands = guest->held;
		release_debugged(guest);
		guest->vm = NULL;
		return;
	}
	guest->vm = vm;
	forget_software_points(&guest->points);
	vcpu_group_set_trap(&vm->group, guest->trap.fd);
	(void)prepare_vcpus(guest, &all);
	if (guest->stands)
		hold_debugged(guest);
}
