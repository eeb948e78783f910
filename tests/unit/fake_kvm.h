/*
 * tests/unit/fake_kvm.h - an ioctl() in the place of the kernel's.
 *
 * fake_kvm.c defines ioctl(), so that a test that links it answers every KVM
 * request itself, on any host.
 */
#ifndef TESTS_UNIT_FAKE_KVM_H
#define TESTS_UNIT_FAKE_KVM_H

struct fake_kvm {
	/* Answers a request: a value of 0 or more, or a negative errno. */
	int (*answer)(void *ctx, int fd, unsigned long req, void *arg);
	void *ctx;
};

/* Answers all requests from here on. Borrowed; NULL: all are -ENOTTY. */
void fake_kvm_set(const struct fake_kvm *kvm);

#endif
