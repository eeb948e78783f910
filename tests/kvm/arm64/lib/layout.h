/* tests/kvm/arm64/lib/layout.h - what start.S and C must agree on. */
#ifndef TESTS_KVM_ARM64_LIB_LAYOUT_H
#define TESTS_KVM_ARM64_LIB_LAYOUT_H

#define MAX_CPUS 64
#define STACK_SHIFT 11 /* 2 KiB for each CPU */
#define FRAME_SIZE 272 /* of struct frame */

#endif
