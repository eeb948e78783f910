/* vmm/control/command_list.c - what clients of the control socket may ask. */
#include "vmm/control/command_list.h"

#include <string.h>

#include "vmm/control/arrival.h"
#include "vmm/control/balloon_commands.h"
#include "vmm/control/commands.h"
#include "vmm/control/control.h"
#include "vmm/control/dirty_rate_commands.h"
#include "vmm/control/disk_commands.h"
#include "vmm/control/dump_commands.h"
#include "vmm/control/gdb_commands.h"
#include "vmm/control/hotplug_commands.h"
#include "vmm/control/migrate_commands.h"
#include "vmm/control/net_commands.h"
#include "vmm/control/pageout_command.h"
#include "vmm/control/snapshot_commands.h"

// clang-format off
static const struct qmp_command list[] = {
	/* The protocol */
	{ "query-commands", qmp_query_commands, {} },
	{ "query-version", qmp_query_version, {} },

	/* The run */
	{ "query-name", command_query_name, {} },
	{ "query-status", command_query_status, {} },
	{ "stop", command_stop, {} },
	{ "cont", command_cont, {} },
	{ "system_reset", command_system_reset, {} },
	{ "system_powerdown", command_system_powerdown, {} },
	{ "quit", command_quit, {} },
	{ "x-vmm-rebuild", command_x_vmm_rebuild, {} },
	{ "x-vmm-console-attach", command_x_vmm_console_attach,
	  { { "keys", QMP_BOOL, false },
	    { "force", QMP_BOOL, false },
	    { "once", QMP_BOOL, false },
	    { "columns", QMP_INT, false },
	    { "rows", QMP_INT, false } } },
	{ "x-vmm-query-console-log", command_x_vmm_query_console_log, {} },
	{ "x-vmm-console-resize", command_x_vmm_console_resize,
	  { { "columns", QMP_INT, true }, { "rows", QMP_INT, true } } },

	/* Saved machines */
	{ "x-vmm-snapshot", command_x_vmm_snapshot,
	  { { "path", QMP_STRING, true }, { "parent", QMP_STRING, false },
	    { "disks", QMP_STRING, false }, { "paused", QMP_BOOL, false },
	    { "give-up", QMP_BOOL, false }, { "downtime-ms", QMP_INT, false },
	    { "timeout-ms", QMP_INT, false }, { "stop", QMP_BOOL, false },
	    { "compress", QMP_INT, false } } },
	{ "x-vmm-snapshot-cancel", command_x_vmm_snapshot_cancel, {} },

	/* Core dumps */
	{ "dump-guest-memory", command_dump_guest_memory,
	  { { "paging", QMP_BOOL, true }, { "protocol", QMP_STRING, true },
	    { "detach", QMP_BOOL, false }, { "format", QMP_STRING, false } } },
	{ "query-dump", command_query_dump, {} },
	{ "query-dump-guest-memory-capability", command_query_dump_capability,
	  {} },

	/* Debugging */
	{ "x-vmm-gdb-attach", command_x_vmm_gdb_attach, {} },

	/* Migration */
	{ "migrate", command_migrate,
	  { { "uri", QMP_STRING, true }, { "detach", QMP_BOOL, false } } },
	{ "x-vmm-migrate", command_x_vmm_migrate,
	  { { "uri", QMP_STRING, true }, { "downtime-ms", QMP_INT, false },
	    { "bandwidth", QMP_SIZE, false }, { "timeout-ms", QMP_INT, false },
	    { "then-pause", QMP_BOOL, false }, { "stop", QMP_BOOL, false },
	    { "postcopy", QMP_BOOL, false }, { "resume", QMP_BOOL, false },
	    { "converge", QMP_BOOL, false },
	    { "compress", QMP_INT, false } } },
	{ "migrate-start-postcopy", command_migrate_start_postcopy, {} },
	{ "migrate_cancel", command_migrate_cancel, {} },
	{ "query-migrate", command_query_migrate, {} },
	{ "migrate-incoming", command_migrate_incoming,
	  { { "uri", QMP_STRING, true } } },
	{ "migrate-set-parameters", command_migrate_set_parameters,
	  { { "downtime-limit", QMP_INT, false },
	    { "max-bandwidth", QMP_SIZE, false },
	    { "max-cpu-throttle", QMP_INT, false } } },
	{ "query-migrate-parameters", command_query_migrate_parameters, {} },
	{ "migrate-set-capabilities", command_migrate_set_capabilities,
	  { { "capabilities", QMP_ARRAY, true } } },
	{ "query-migrate-capabilities", command_query_migrate_capabilities,
	  {} },

	/* The host, and the cost of the machine */
	{ "query-kvm", command_query_kvm, {} },
	{ "query-target", command_query_target, {} },
	{ "query-machines", command_query_machines, {} },
	{ "query-current-machine", command_query_current_machine, {} },
	{ "query-uuid", command_query_uuid, {} },
	{ "query-chardev", command_query_chardev, {} },
	{ "query-iothreads", command_query_iothreads, {} },
	{ "query-cpus-fast", command_query_cpus_fast, {} },
	{ "x-vmm-query-stats", command_x_vmm_query_stats, {} },

	/* Disks */
	{ "query-block", command_query_block, {} },
	{ "block_resize", command_block_resize,
	  { { "device", QMP_STRING, false }, { "node-name", QMP_STRING, false },
	    { "size", QMP_SIZE, false } } },

	/* Network */
	{ "set_link", command_set_link,
	  { { "name", QMP_STRING, true }, { "up", QMP_BOOL, true } } },

	/* Memory */
	{ "query-memory-size-summary", command_query_memory_size_summary, {} },
	{ "x-vmm-query-memory", command_x_vmm_query_memory, {} },
	{ "x-vmm-query-residency", command_x_vmm_query_residency,
	  { { "start", QMP_SIZE, true }, { "size", QMP_SIZE, true },
	    { "cell-size", QMP_SIZE, false } } },
	{ "calc-dirty-rate", command_calc_dirty_rate,
	  { { "calc-time", QMP_INT, true },
	    { "calc-time-unit", QMP_STRING, false },
	    { "mode", QMP_STRING, false } } },
	{ "query-dirty-rate", command_query_dirty_rate,
	  { { "calc-time-unit", QMP_STRING, false } } },
	{ "balloon", command_balloon, { { "value", QMP_SIZE, true } } },
	{ "query-balloon", command_query_balloon, {} },
	{ "x-vmm-balloon-stats", command_x_vmm_balloon_stats, {} },
	{ "query-memory-devices", command_query_memory_devices, {} },
	{ "qom-get", command_qom_get,
	  { { "path", QMP_STRING, true }, { "property", QMP_STRING, true } } },
	{ "qom-set", command_qom_set,
	  { { "path", QMP_STRING, true }, { "property", QMP_STRING, true },
	    { "value", QMP_SIZE, true } } },
	{ "x-vmm-pageout", command_x_vmm_pageout,
	  { { "region", QMP_STRING, false }, { "idle-ms", QMP_INT, false } } },
};
// clang-format on

/* What may be said to a machine whose guest has not come yet. */
static const char *const early[] = {
	"query-commands",
	"query-version",
	"query-name",
	"query-status",
	"query-kvm",
	"query-target",
	"query-machines",
	"query-current-machine",
	"query-uuid",
	"query-iothreads",
	"stop",
	"cont",
	"quit",
	"migrate-incoming",
	"migrate_cancel",
	"query-migrate",
	"migrate-set-parameters",
	"query-migrate-parameters",
	"migrate-set-capabilities",
	"query-migrate-capabilities",
};

static bool allow_command(const void *ctx, const char *name)
{
	const struct control *control = ctx;

	if (!control->arrival)
		return true;
	for (size_t i = 0; i < sizeof(early) / sizeof(*early); i++)
		if (strcmp(name, early[i]) == 0)
			return true;
	return false;
}

const struct qmp_table command_list = { list, sizeof(list) / sizeof(*list),
					allow_command };
