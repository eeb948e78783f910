/*
 * vmm/debug/dump.h - writes a core of a paused guest to a file, beside the
 * loop.
 *
 * The file is made beside its place, and takes it when it is complete. A file
 * that was there stays until then. Thread: the loop's.
 */
#ifndef VMM_DEBUG_DUMP_H
#define VMM_DEBUG_DUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct dump_job;
struct vm;

/* The result of a dump. */
struct dump_result {
	int code; /* 0, or a negative errno: err says why */
	struct err err;
	uint64_t bytes; /* of guest memory that were written */
};

/*
 * Begins a dump.
 *
 * @vm:   paused, and stays so until @done is called; borrowed until then
 * @path: of the file; copied
 * @done: called once; the job may be freed in it
 *
 * Returns 0; what arch_core_vcpu() returns; -ENOMEM; or what loop_worker_new()
 * returns.
 */
int dump_job_new(struct dump_job **ret, struct vm *vm, const char *path,
		 void (*done)(void *ctx), void *ctx, struct err *err);

/*
 * Has it end soon, with -ECANCELED, and @done be called before this returns.
 *
 * Storage that does not answer may keep its thread for ever. After @ns, false
 * is returned. The job then still uses guest memory, and must not be freed; if
 * the loop runs on, @done is called when the thread has ended.
 */
bool dump_job_settle(struct dump_job *job, uint64_t ns);

/* Valid from @done on. */
const struct dump_result *dump_job_result(const struct dump_job *job);

/* After @done. NULL is fine; returns NULL. */
struct dump_job *dump_job_free(struct dump_job *job);

#endif
