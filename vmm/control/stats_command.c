/* vmm/control/stats_command.c - what the guest's run has cost. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/size.h"
#include "vmm/control/commands.h"
#include "vmm/control/control.h"
#include "vmm/control/net_commands.h"
#include "vmm/control/qmp.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/stats.h"
#include "vmm/kvm/vm.h"

static int add_value(void *ctx, const char *name, const uint64_t *value,
		     size_t count)
{
	json_t **stats = ctx;
	json_t *list;

	if (count == 1) {
		qmp_add(stats, name, qmp_number(*value));
	} else {
		list = json_array();
		for (size_t i = 0; i < count; i++)
			qmp_append(&list, qmp_number(value[i]));
		qmp_add(stats, name, list);
	}
	return *stats ? 0 : -ENOMEM;
}

/* @fd: of a VM's or vCPU's statistics; -1 gives an empty object */
static int read_kvm_stats(json_t **ret, int fd, struct err *err)
{
	json_auto_t *stats = json_object();
	int r = 0;

	if (fd >= 0)
		r = kvm_stats_read(fd, add_value, &stats, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(stats);
	return 0;
}

static int read_vm(json_t **ret, const struct vm *vm, struct err *err)
{
	_cleanup_(fd_closep) int fd = kvm_ioctl_int(vm->fd, KVM_GET_STATS_FD,
						    0UL, err);

	return fd < 0 ? fd : read_kvm_stats(ret, fd, err);
}

static int read_vcpus(json_t **ret, const struct vm *vm, struct err *err)
{
	json_auto_t *list = json_array();

	for (unsigned i = 0; i < vm->vcpus; i++) {
		json_t *stats = NULL;
		const int r = read_kvm_stats(&stats, vm->vcpu[i].stats_fd, err);

		if (r < 0)
			return r;
		qmp_append(&list, stats);
	}
	*ret = TAKE_PTR(list);
	return 0;
}

static json_int_t timeval_ns(struct timeval t)
{
	return ((json_int_t)t.tv_sec * 1000000 + t.tv_usec) * 1000;
}

/* This process: the guest's memory, and what we add. */
static json_t *process_stats(void)
{
	uint64_t pages = 0;
	struct rusage used;
	const char *at;
	char text[128];

	if (file_read_text("/proc/self/statm", text, sizeof(text)) == 0) {
		at = number_scan(text, &pages); /* all; behind it, resident */
		if (!at || !number_scan(at, &pages))
			pages = 0;
	}
	(void)getrusage(RUSAGE_SELF, &used);
	return json_pack("{s:i, s:I, s:I, s:I}", "pid", (int)getpid(),
			 "resident-bytes",
			 (json_int_t)pages * sysconf(_SC_PAGESIZE), "user-ns",
			 timeval_ns(used.ru_utime), "system-ns",
			 timeval_ns(used.ru_stime));
}

int command_x_vmm_query_stats(struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;
	const struct vm *vm = control->vm;
	json_auto_t *whole = NULL;
	json_t *vcpus = NULL;
	int r;

	if (!kvm_cap(vm->fd, KVM_CAP_BINARY_STATS_FD)) {
		call->class = QMP_KVM_MISSING_CAP;
		return err_set(err, -ENOTSUP,
			       "this host's KVM has no statistics to read "
			       "(KVM_CAP_BINARY_STATS_FD, since Linux 5.14)");
	}
	r = read_vm(&whole, vm, err);
	if (r == 0)
		r = read_vcpus(&vcpus, vm, err);
	if (r < 0)
		return r;
	call->ret = json_pack("{s:o, s:o, s:o, s:o}", "vm", TAKE_PTR(whole),
			      "vcpus", vcpus, "process", process_stats(),
			      "networks", net_commands_stats(control->machine));
	return 0;
}
