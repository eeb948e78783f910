/*
 * tests/kvm/arm64/rom.c - a read-only region is read, not written.
 *
 * No option of vmm makes such a region yet, so this takes the same road below
 * the command line: memory map, slots, a vCPU. Every write must come out as an
 * access to a device, with what was to be written, and change nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "mem/backing.h"
#include "vmm/caps.h"
#include "vmm/kvm.h"
#include "vmm/slot.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

#define ROM 0x02000000ULL
#define RAM 0x80000000ULL
#define SIZE 0x10000ULL /* a page of every host */
#define REPORT 0x1000ULL /* no memory: tells us what it read */
#define OLD 0x1122334455667788ULL
#define NEW 0xaabbccddeeff0011ULL

/* The guest: x0 is ROM, x1 REPORT, x2 NEW. */
__asm__(".pushsection .rodata\n"
	".globl guest_begin, guest_end\n"
	"guest_begin:\n"
	"	str	x2, [x0]\n"
	"	strb	w2, [x0]\n"
	"	strh	w2, [x0, #6]\n"
	"	str	w2, [x0, #4]\n"
	"	ldr	x3, [x0]\n"
	"	str	x3, [x1]\n"
	"	mov	x4, #0xfff8\n"
	"	add	x0, x0, x4\n"
	"	str	x2, [x0]\n"
	"	ldr	x3, [x0]\n"
	"	str	x3, [x1]\n"
	"guest_end:\n"
	".popsection\n");
extern const char guest_begin[], guest_end[];

static const struct {
	uint64_t addr;
	unsigned size;
	uint64_t val;
} expected[] = {
	{ ROM, 8, NEW },
	{ ROM, 1, NEW & 0xff },
	{ ROM + 6, 2, NEW & 0xffff },
	{ ROM + 4, 4, NEW & 0xffffffff },
	{ REPORT, 8, OLD },
	{ ROM + SIZE - 8, 8, NEW },
	{ REPORT, 8, OLD },
};

static _Noreturn void fail(const char *what, const struct err *err)
{
	printf("FAIL %s: %s\n", what, err->msg);
	exit(1);
}

static uint8_t *add(struct machine *machine, uint64_t at, enum mem_kind kind)
{
	struct mem_region region = { .gpa = { at, SIZE }, .kind = kind };
	struct backing *backing = &machine->backing[machine->backings++];
	struct err err = { 0 };

	if (backing_init(backing, region.gpa, SIZE, 0, &err) < 0)
		fail("memory", &err);
	region.host = backing->host;
	if (mem_add(&machine->mem, region, &err) < 0)
		fail("memory", &err);
	return backing->host;
}

static void expect_writes(struct vcpu *vcpu)
{
	const size_t count = sizeof(expected) / sizeof(expected[0]);

	for (size_t i = 0; i < count; i++) {
		const struct kvm_run *run = vcpu->run;
		uint64_t val = 0;

		if (kvm_run(vcpu->fd) < 0 ||
		    run->exit_reason != KVM_EXIT_MMIO || !run->mmio.is_write) {
			printf("FAIL write %zu: exit %u\n", i,
			       run->exit_reason);
			exit(1);
		}
		memcpy(&val, run->mmio.data, sizeof(val));
		if (run->mmio.phys_addr == expected[i].addr &&
		    run->mmio.len == expected[i].size &&
		    val << (64 - 8 * run->mmio.len) ==
			    expected[i].val << (64 - 8 * run->mmio.len))
			continue;
		printf("FAIL write %zu: 0x%llx at 0x%llx, %u bytes\n", i,
		       (unsigned long long)val,
		       (unsigned long long)run->mmio.phys_addr, run->mmio.len);
		exit(1);
	}
}

static void run(struct vm *vm)
{
	struct vcpu *vcpu = &vm->vcpu[0];
	struct err err = { 0 };
	const int size = kvm_ioctl_int(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0UL,
				       &err);

	if (size < 0 || slots_install(vm, &err) < 0 ||
	    vcpu_init(vcpu, vm, 0, (size_t)size, &err) < 0 ||
	    arch_vcpu_init(vcpu, &err) < 0)
		fail("make a VM", &err);
	expect_writes(vcpu);
	vcpu_finish(vcpu);
}

int main(void)
{
	const struct config config = { .cpus = 1 };
	struct machine *machine = calloc(1, sizeof(*machine));
	struct vm *vm = calloc(1, sizeof(*vm));
	struct err err = { 0 };
	const uint64_t old = OLD;
	uint8_t *rom;

	if (!machine || !vm)
		return 1;
	rom = add(machine, ROM, MEM_ROM);
	memcpy(rom, &old, sizeof(old));
	memcpy(rom + SIZE - sizeof(old), &old, sizeof(old));
	memcpy(add(machine, RAM, MEM_RAM), guest_begin,
	       (size_t)(guest_end - guest_begin));
	mem_freeze(&machine->mem);
	machine->config = &config;
	machine->boot = (struct boot_state){ RAM, { ROM, REPORT, NEW } };

	vm->machine = machine;
	vm->kvm = kvm_open(&err);
	if (vm->kvm < 0)
		fail("KVM", &err);
	if (caps_check(vm->kvm, &machine->limits, &err) < 0)
		fail("KVM", &err);
	machine->limits.features = 0; /* the least a vCPU can be */
	vm->fd = kvm_ioctl_int(vm->kvm, KVM_CREATE_VM, 0UL, &err);
	if (vm->fd < 0)
		fail("KVM", &err);
	run(vm);
	while (machine->backings > 0)
		backing_finish(&machine->backing[--machine->backings]);
	free(vm);
	free(machine);
	puts("ok");
	return 0;
}
