/* vmm/doctor/doctor_kvm.c - what this host's KVM offers, whatever the
 * architecture. */
#include <errno.h>
#include <string.h>

#include "arch/arch.h"
#include "base/cleanup.h"
#include "vmm/config.h"
#include "vmm/doctor/doctor.h"
#include "vmm/kvm/caps.h"
#include "vmm/kvm/kvm.h"

// clang-format off
/* Source of the meanings: Linux, Documentation/virt/kvm/api.rst. */
static const struct doctor_cap wanted[] = {
	{ DOCTOR_CAP(KVM_CAP_SYNC_MMU), DOCTOR_MISSING,
	  "MMU notifier",
	  "memory that a guest has touched stays with it", "a newer kernel" },
	{ DOCTOR_CAP(KVM_CAP_READONLY_MEM), DOCTOR_MISSING,
	  "read-only memory",
	  "a guest cannot be given ROM or flash memory", "a newer kernel" },
	{ DOCTOR_CAP(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2), DOCTOR_MISSING,
	  "manual dirty-log protect",
	  "a guest stands still for longer when its changes are looked for",
	  "Linux 5.2 or newer" },
	{ DOCTOR_CAP(KVM_CAP_DIRTY_LOG_RING_ACQ_REL), DOCTOR_MISSING,
	  "dirty ring",
	  "a guest's changes are found by scanning bitmaps alone",
	  "Linux 6.1 or newer (arm64: 6.2)" },
	{ DOCTOR_CAP(KVM_CAP_BINARY_STATS_FD), DOCTOR_MISSING,
	  "binary stats fd",
	  "KVM's statistics of a guest are in debugfs alone",
	  "Linux 5.14 or newer" },
};

static const struct doctor_cap ioeventfd = {
	DOCTOR_CAP(KVM_CAP_IOEVENTFD), DOCTOR_FATAL, "ioeventfd",
	"virtio devices do not work", "a newer kernel"
};

static const struct doctor_cap irqfd = {
	DOCTOR_CAP(KVM_CAP_IRQFD), DOCTOR_FATAL, "irqfd",
	"virtio devices do not work", "a newer kernel"
};
// clang-format on

static void check_needed(struct doctor *doctor, int kvm)
{
	const struct cap_need *need = caps_lacking(kvm);
	const char *lacking = need ? need->name : NULL;

	doctor_add(doctor, lacking ? DOCTOR_FATAL : DOCTOR_OK,
		   "required capabilities", "vmm cannot use this KVM",
		   "a newer kernel", "%s%s", lacking ? "lacks " : "all there",
		   lacking ? lacking : "");
	if (arch_has_ioeventfd)
		doctor_caps(doctor, &ioeventfd, 1, kvm);
	if (arch_has_irqfd)
		doctor_caps(doctor, &irqfd, 1, kvm);
}

static void check_kvm_limits(struct doctor *doctor, int kvm)
{
	const int cpus = kvm_cap(kvm, KVM_CAP_MAX_VCPUS);

	doctor_add(doctor, cpus < CONFIG_MAX_CPUS ? DOCTOR_LIMITED : DOCTOR_OK,
		   "max vCPUs", "--cpus takes no more than this", NULL,
		   "%d, best up to %d", cpus, kvm_cap(kvm, KVM_CAP_NR_VCPUS));
	doctor_add(doctor, DOCTOR_OK, "memory slots", NULL, NULL, "%d",
		   kvm_cap(kvm, KVM_CAP_NR_MEMSLOTS));
}

void doctor_caps(struct doctor *doctor, const struct doctor_cap *table,
		 size_t count, int fd)
{
	for (const struct doctor_cap *c = table; c < table + count; c++) {
		const bool yes = kvm_cap(fd, c->cap) != 0;

		doctor_add(doctor, yes ? DOCTOR_OK : c->mark, c->name,
			   c->consequence, c->cure, "%s (%s)",
			   yes ? "yes" : "no", c->word);
	}
}

void doctor_kvm(struct doctor *doctor)
{
	struct err err = { 0 };
	_cleanup_(fd_closep) int kvm = kvm_open(&err);

	doctor->section = "KVM";
	if (kvm < 0) {
		doctor_add(doctor, DOCTOR_FATAL, "/dev/kvm", "no guest can run",
			   kvm_open_cure(kvm), "%s", strerrordesc_np(-kvm));
		return;
	}
	doctor_add(doctor, DOCTOR_OK, "/dev/kvm", NULL, NULL, "usable");
	check_needed(doctor, kvm);
	check_kvm_limits(doctor, kvm);
	doctor_caps(doctor, wanted, sizeof(wanted) / sizeof(*wanted), kvm);
	doctor->section = arch_name;
	arch_doctor(doctor, kvm);
}
