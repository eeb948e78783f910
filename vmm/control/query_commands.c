/* vmm/control/query_commands.c - says what the guest has. */
#include <stdio.h>

#include "arch/arch.h"
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

int command_query_target(struct qmp_call *call, struct err *err)
{
	(void)err;
	call->ret = json_pack("{s:s}", "arch", arch_target);
	return 0;
}

/* There is one type of machine for each architecture.
 * Source: QEMU, qapi/machine.json, MachineInfo */
int command_query_machines(struct qmp_call *call, struct err *err)
{
	(void)err;
	call->ret = json_pack("[{s:s, s:b, s:i, s:b, s:b, s:b, s:b}]", "name",
			      arch_name, "is-default", 1, "cpu-max",
			      CONFIG_MAX_CPUS, "hotpluggable-cpus", 0,
			      "numa-mem-supported", 0, "deprecated", 0, "acpi",
			      0);
	return 0;
}

int command_query_current_machine(struct qmp_call *call, struct err *err)
{
	(void)err;
	call->ret = json_pack("{s:b}", "wakeup-suspend-support", 0);
	return 0;
}

/* No machine has one. Source: QEMU, qapi/machine.json, query-uuid */
int command_query_uuid(struct qmp_call *call, struct err *err)
{
	(void)err;
	call->ret = json_pack("{s:s}", "UUID",
			      "00000000-0000-0000-0000-000000000000");
	return 0;
}

/* Source: QEMU, qapi/char.json, ChardevInfo */
int command_query_chardev(struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;
	const struct config *config = control->machine->config;
	const bool open = config->console != CONSOLE_NONE;
	const char *file = control->machine->relay ? "socket" : "stdio";

	(void)err;
	call->ret = json_pack("[{s:s, s:s, s:b}]", "label", "console",
			      "filename", open ? file : "null", "frontend-open",
			      open);
	return 0;
}

/* The loop does all I/O. */
int command_query_iothreads(struct qmp_call *call, struct err *err)
{
	(void)err;
	call->ret = json_array();
	return 0;
}

/* Source: QEMU, qapi/machine.json, CpuInfoFast */
int command_query_cpus_fast(struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;

	(void)err;
	call->ret = json_array();
	for (unsigned i = 0; i < control->vm->vcpus; i++) {
		struct vcpu *vcpu = &control->vm->vcpu[i];
		char path[32];

		(void)snprintf(path, sizeof(path), "/machine/cpu[%u]", i);
		qmp_append(&call->ret,
			   json_pack("{s:i, s:s, s:i, s:s}", "cpu-index",
				     (int)i, "qom-path", path, "thread-id",
				     (int)vcpu_thread_id(vcpu), "target",
				     arch_target));
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
