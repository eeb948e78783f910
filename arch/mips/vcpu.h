/* arch/mips/vcpu.h - starts a MIPS vCPU. */
#ifndef ARCH_MIPS_VCPU_H
#define ARCH_MIPS_VCPU_H

#include <stdint.h>

#include "base/err.h"

struct vcpu;
struct vm;

/* Gives the first vCPU the registers of machine->boot. */
int mips_vcpu_boot(struct vcpu *vcpu, struct err *err);

/*
 * Starts a vCPU that has not been started yet, at @pc, with its number in a0. A
 * vCPU that does not exist or runs already is the guest's mistake and is
 * ignored; where KVM refuses its registers, the run ends with that error.
 * Thread: a vCPU's.
 */
void mips_vcpu_start(struct vm *vm, unsigned cpu, uint32_t pc);

#endif
