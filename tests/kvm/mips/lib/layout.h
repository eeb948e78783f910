/* tests/kvm/mips/lib/layout.h - sizes that C and assembly share. */
#ifndef TESTS_KVM_MIPS_LIB_LAYOUT_H
#define TESTS_KVM_MIPS_LIB_LAYOUT_H

#define MAX_CPUS 8
#define STACK_SHIFT 13
#define STACK_SIZE (1 << STACK_SHIFT) /* of each CPU */
#define FRAME_SIZE 96

#endif
