/*
 * tests/kvm/probe.c - says what this host's KVM has, a word for each thing.
 *
 * It asks KVM itself, not vmm: a test is left out for what the host lacks, and
 * not for what vmm gets wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <linux/kvm.h>

#define GIB (1ULL << 30)

static void probe_devices(int vm)
{
	static const struct {
		uint32_t type;
		const char *word;
	} devices[] = {
		{ KVM_DEV_TYPE_ARM_VGIC_V2, "gicv2" },
		{ KVM_DEV_TYPE_ARM_VGIC_V3, "gicv3" },
		{ KVM_DEV_TYPE_ARM_VGIC_ITS, "its" },
	};

	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		struct kvm_create_device device = {
			.type = devices[i].type,
			.flags = KVM_CREATE_DEVICE_TEST,
		};

		if (ioctl(vm, KVM_CREATE_DEVICE, &device) == 0)
			puts(devices[i].word);
	}
}

static void probe_address_bits(int kvm)
{
	const int bits = ioctl(kvm, KVM_CHECK_EXTENSION,
			       KVM_CAP_ARM_VM_IPA_SIZE);
	static const int steps[] = { 36, 40, 44, 48, 52 };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (steps[i] <= bits)
			printf("ipa%d\n", steps[i]);
}

static void probe_capabilities(int kvm)
{
	static const struct {
		int cap;
		const char *word;
	} caps[] = {
		{ KVM_CAP_ARM_PMU_V3, "pmu" },
		{ KVM_CAP_ARM_SVE, "sve" },
		{ KVM_CAP_ARM_PTRAUTH_ADDRESS, "pauth" },
		{ KVM_CAP_ARM_MTE, "mte" },
		{ KVM_CAP_STEAL_TIME, "steal" },
		{ KVM_CAP_DIRTY_LOG_RING_ACQ_REL, "dirtyring" },
	};

	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++)
		if (ioctl(kvm, KVM_CHECK_EXTENSION, caps[i].cap) > 0)
			puts(caps[i].word);
}

static void probe_memory(void)
{
	struct sysinfo info;

	if (sysinfo(&info) == 0 && info.freeram * info.mem_unit >= 3 * GIB)
		puts("mem3g");
	printf("page%ldk\n", sysconf(_SC_PAGESIZE) >> 10);
}

int main(void)
{
	const int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	const int vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0UL);

	if (vm < 0) {
		perror("/dev/kvm");
		return 1;
	}
	probe_devices(vm);
	probe_address_bits(kvm);
	probe_capabilities(kvm);
	probe_memory();
	if (syscall(SYS_io_uring_setup, 0, NULL) < 0 && errno != ENOSYS)
		puts("uring");
	if (syscall(SYS_userfaultfd, -1) < 0 && errno != ENOSYS)
		puts("uffd");
	return fflush(stdout) != 0;
}
