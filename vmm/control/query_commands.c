/* vmm/control/query_commands.c - says what the guest has. */
#include <stdio.h>
#include <sys/utsname.h>

#include "vmm/control/commands.h"
#include "vmm/control/control.h"
#include "vmm/control/qmp.h"
#include "vmm/kvm/vm.h"

int command_query_kvm(struct qmp_call *call, struct err *err)
{
	(void)err;
	call->ret = json_pack("{s:b, s:b}", "enabled", 1, "present", 1);
	return 0;
}

/* Source: QEMU, qapi/machine.json, CpuInfoFast */
int command_query_cpus_fast(struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;
	struct utsname host;

	(void)err;
	(void)uname(&host);
	call->ret = json_array();
	for (unsigned i = 0; i < control->vm->vcpus; i++) {
		struct vcpu *vcpu = &control->vm->vcpu[i];
		char path[32];

		(void)snprintf(path, sizeof(path), "/machine/cpu[%u]", i);
		qmp_append(&call->ret,
			   json_pack("{s:i, s:s, s:i, s:s}", "cpu-index",
				     (int)i, "qom-path", path, "thread-id",
				     (int)vcpu_thread_id(vcpu), "target",
				     host.machine));
	}
	return 0;
}

int command_query_memory_size_summary(struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;
	const struct mem_map *map = &control->machine->mem;
	uint64_t base = 0, plugged = 0;

	(void)err;
	for (size_t i = 0; i < map->count; i++) {
		const struct mem_region *r = &map->region[i];

		if (r->blocks)
			plugged += mem_present(r);
		else if (r->kind == MEM_RAM)
			base += r->gpa.size;
	}
	call->ret = json_pack("{s:I, s:I}", "base-memory", (json_int_t)base,
			      "plugged-memory", (json_int_t)plugged);
	return 0;
}
