/* arch/arm64/vcpu.h - how an arm64 vCPU becomes ready to run. */
#ifndef ARCH_ARM64_VCPU_H
#define ARCH_ARM64_VCPU_H

#include "base/err.h"

struct vcpu;

/*
 * Fixes the vCPU's SVE vector lengths, as they are set: all of the host's, or
 * those that a load chose before. Before its registers are looked at, and once.
 * Returns 0 or KVM_ARM_VCPU_FINALIZE's errno.
 */
int arm64_vcpu_finalize(struct vcpu *vcpu, struct err *err);

/* Brings a new vCPU to where a guest starts. Returns 0 or KVM's errno. */
int arm64_vcpu_boot(struct vcpu *vcpu, struct err *err);

#endif
