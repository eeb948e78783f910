/*
 * vmm/control/dump_commands.h - core dumps of the running guest:
 * dump-guest-memory, query-dump, query-dump-guest-memory-capability, event
 * DUMP_COMPLETED. docs/CONTROL.md says what they do.
 */
#ifndef VMM_CONTROL_DUMP_COMMANDS_H
#define VMM_CONTROL_DUMP_COMMANDS_H

#include "base/err.h"

struct control;
struct dump_result;
struct qmp_call;

int command_dump_guest_memory(struct qmp_call *call, struct err *err);
int command_query_dump(struct qmp_call *call, struct err *err);
int command_query_dump_capability(struct qmp_call *call, struct err *err);

/*
 * Holds the guest, and begins a dump.
 *
 * @path: of the file; copied
 * @then: called with the result of a dump that has begun, on the loop; the
 *        guest is held, and @then releases it or ends the run
 *
 * Returns 0; -EBUSY if one is being written; or what dump_job_new() returns.
 */
int dump_begin(struct control *control, const char *path,
	       void (*then)(struct control *control,
			    const struct dump_result *result),
	       struct err *err);

/*
 * The VM is about to go: a dump that is being written ends, with an error. If
 * the host's storage does not answer for 30 s, the dump fails later, and the
 * guest does not wait for it.
 */
void dump_commands_settle(struct control *control);

/*
 * Call once at the end of the run, after dump_commands_settle(). A dump that
 * has not ended is left to the end of the process; so is the machine then.
 */
void dump_commands_end(struct control *control);

#endif
