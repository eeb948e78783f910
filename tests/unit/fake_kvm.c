/* tests/unit/fake_kvm.c - an ioctl() in the place of the kernel's. */
#include "tests/unit/fake_kvm.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/ioctl.h>

static const struct fake_kvm *fake_kvm;

void fake_kvm_set(const struct fake_kvm *kvm)
{
	fake_kvm = kvm;
}

/* The symbol ioctl, which the tested code calls. */
int fake_ioctl(int fd, unsigned long req, ...) __asm__("ioctl");

int fake_ioctl(int fd, unsigned long req, ...)
{
	int r = -ENOTTY;
	va_list ap;
	void *arg;

	va_start(ap, req);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (fake_kvm)
		r = fake_kvm->answer(fake_kvm->ctx, fd, req, arg);
	if (r >= 0)
		return r;
	errno = -r;
	return -1;
}
