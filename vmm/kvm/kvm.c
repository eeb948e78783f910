/* vmm/kvm/kvm.c - the only door to /dev/kvm. */
#include "vmm/kvm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "base/cleanup.h"

/*
 * KVM_CREATE_VM gives up with EINTR when a signal, or a completion of io_uring,
 * is pending while it registers with the memory management. A request that was
 * interrupted has done nothing, and what interrupted it is handled on the way
 * out of the kernel, so the same request is made again. KVM_RUN alone is
 * different: see kvm_run().
 */
static int kvm_request(int fd, unsigned long req, unsigned long arg)
{
	int r;

	do
		r = ioctl(fd, req, arg);
	while (r < 0 && errno == EINTR);
	return r;
}

int kvm_ioctl_raw(int fd, unsigned long req, unsigned long arg,
		  const char *name, struct err *err)
{
	const int r = kvm_request(fd, req, arg);

	return r >= 0 ? r : err_sys(err, "%s", name);
}

int kvm_run(int fd)
{
	return ioctl(fd, KVM_RUN, 0) >= 0 ? 0 : -errno;
}

const char *kvm_open_cure(int code)
{
	switch (code) {
	case -ENOENT:
		return "use a kernel with KVM, started where it may use "
		       "virtualization (arm64: at EL2), or load its module; "
		       "in a virtual machine, turn on nested virtualization";
	case -EACCES:
	case -EPERM:
		return "join the group that owns it, which must be let in "
		       "(chmod 660 /dev/kvm; usermod -aG kvm USER), and log "
		       "in again; in a container, pass the device through";
	case -ENODEV:
	case -ENXIO:
		return "turn on virtualization in the firmware, or nested "
		       "virtualization in a virtual machine";
	default:
		return "see what the kernel says (dmesg)";
	}
}

int kvm_open(struct err *err)
{
	_cleanup_(fd_closep) int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int version;

	if (fd < 0)
		return err_sys(err, "/dev/kvm (%s)", kvm_open_cure(-errno));
	version = kvm_ioctl_int(fd, KVM_GET_API_VERSION, 0UL, err);
	if (version < 0)
		return err_wrap(err, "/dev/kvm");
	if (version != KVM_API_VERSION)
		return err_set(err, -EPROTO,
			       "/dev/kvm speaks API version %d, not %d",
			       version, KVM_API_VERSION);
	return TAKE_FD(fd);
}

int kvm_cap(int fd, int cap)
{
	const int r = kvm_request(fd, KVM_CHECK_EXTENSION, (unsigned long)cap);

	return r > 0 ? r : 0;
}

bool kvm_has_device(int vm_fd, uint32_t type)
{
	struct kvm_create_device dev = { .type = type,
					 .flags = KVM_CREATE_DEVICE_TEST };

	return kvm_request(vm_fd, KVM_CREATE_DEVICE, (unsigned long)&dev) == 0;
}

int kvm_set_attr(int fd, uint32_t group, uint64_t attr, const void *addr,
		 const char *what, struct err *err)
{
	const struct kvm_device_attr a = { .group = group,
					   .attr = attr,
					   .addr = (uintptr_t)addr };

	if (kvm_request(fd, KVM_SET_DEVICE_ATTR, (unsigned long)&a) < 0)
		return err_sys(err, "KVM_SET_DEVICE_ATTR %s", what);
	return 0;
}

int kvm_get_attr(int fd, uint32_t group, uint64_t attr, void *addr,
		 const char *what, struct err *err)
{
	const struct kvm_device_attr a = { .group = group,
					   .attr = attr,
					   .addr = (uintptr_t)addr };

	if (kvm_request(fd, KVM_GET_DEVICE_ATTR, (unsigned long)&a) < 0)
		return err_sys(err, "KVM_GET_DEVICE_ATTR %s", what);
	return 0;
}

int kvm_get_reg(int vcpu_fd, uint64_t id, void *val, struct err *err)
{
	const struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)val };

	if (kvm_request(vcpu_fd, KVM_GET_ONE_REG, (unsigned long)&reg) < 0)
		return err_sys(err, "KVM_GET_ONE_REG 0x%" PRIx64, id);
	return 0;
}

int kvm_set_reg(int vcpu_fd, uint64_t id, const void *val, struct err *err)
{
	const struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)val };

	if (kvm_request(vcpu_fd, KVM_SET_ONE_REG, (unsigned long)&reg) < 0)
		return err_sys(err, "KVM_SET_ONE_REG 0x%" PRIx64, id);
	return 0;
}
