/* vmm/debug/dump.c - writes a core of a paused guest to a file. */
#include "vmm/debug/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arch/arch.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/loop_worker.h"
#include "vmm/debug/core.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/machine.h"

struct dump_job {
	const struct machine *machine; /* borrowed */
	char *path; /* owned */
	char *partial; /* owned; of the file until it is complete */
	struct elf_target target;
	struct core_notes notes; /* owned */
	struct dump_result result; /* the thread's until done() */
	bool stop; /* atomic */
	void (*done)(void *ctx);
	void *ctx;
	struct loop_worker *worker; /* owned */
};

/* Registers can be read on the loop's thread alone. */
static int note_vcpus(struct dump_job *job, struct vm *vm, struct err *err)
{
	int r = 0;

	arch_core_target(job->machine, &job->target);
	job->notes.target = &job->target;
	for (unsigned i = 0; r == 0 && i < vm->vcpus; i++)
		r = arch_core_vcpu(&vm->vcpu[i], &job->notes, err);
	return r;
}

static int write_dump(struct dump_job *job, int fd, struct err *err)
{
	struct core_view view[CORE_MAX_VIEWS];
	_cleanup_(freep) char *info = NULL;
	struct core core = {
		.target = &job->target,
		.notes = &job->notes,
		.map = &job->machine->mem,
		.view = view,
		.stop = &job->stop,
	};
	int r = core_find_vmcoreinfo(core.map, &job->stop, &info, err);

	if (r < 0)
		return r;
	if (info)
		core_add_note(&job->notes, "VMCOREINFO", 0, info, strlen(info));
	core.views = arch_core_views(job->machine, info, view);
	return core_write(fd, &core, &job->result.bytes, err);
}

static int make_dump_file(struct dump_job *job, int fd, struct err *err)
{
	int r = write_dump(job, fd, err);

	/* A page that was lost meanwhile reads as zeroes. */
	if (r == 0 && machine_outcome(job->machine) == OUTCOME_ERROR)
		r = err_set(err, -EFAULT,
			    "the guest has lost a page of its memory");
	if (r == 0 && __atomic_load_n(&job->stop, __ATOMIC_RELAXED))
		r = err_set(err, -ECANCELED, "core: ended by request");
	if (r < 0)
		return err_wrap(err, "%s", job->path);
	if (fsync(fd) < 0 || rename(job->partial, job->path) < 0)
		return err_sys(err, "%s", job->path);
	return 0;
}

static void run_dump(void *ctx, struct loop_worker *worker)
{
	struct dump_job *job = ctx;
	struct dump_result *result = &job->result;
	const int fd = mkostemp(job->partial, O_CLOEXEC);

	(void)worker;
	if (fd < 0) {
		result->code = err_sys(&result->err, "%s", job->path);
		return;
	}
	result->code = make_dump_file(job, fd, &result->err);
	if (result->code < 0)
		(void)unlink(job->partial);
	(void)close(fd);
}

static void end_dump(void *ctx)
{
	struct dump_job *job = ctx;

	job->done(job->ctx);
}

static const struct loop_worker_ops dump_ops = {
	.work = run_dump,
	.done = end_dump,
};

int dump_job_new(struct dump_job **ret, struct vm *vm, const char *path,
		 void (*done)(void *ctx), void *ctx, struct err *err)
{
	struct dump_job *job = calloc(1, sizeof(*job));
	int r;

	if (!job)
		return err_set(err, -ENOMEM, "core: out of memory");
	*job = (struct dump_job){ .machine = vm->machine,
				  .path = strdup(path),
				  .done = done,
				  .ctx = ctx };
	if (!job->path || asprintf(&job->partial, "%s.XXXXXX", path) < 0) {
		job->partial = NULL;
		r = err_set(err, -ENOMEM, "core: out of memory");
	} else {
		r = note_vcpus(job, vm, err);
	}
	if (r == 0)
		r = loop_worker_new(&job->worker, vm->machine->loop, &dump_ops,
				    job, err);
	if (r < 0)
		(void)dump_job_free(job);
	else
		*ret = job;
	return r;
}

bool dump_job_settle(struct dump_job *job, uint64_t ns)
{
	const uint64_t deadline = clock_ns() + ns;

	/* It asks for nothing: the first answer is its end, which may free the
	 * job. */
	__atomic_store_n(&job->stop, true, __ATOMIC_RELAXED);
	return loop_worker_serve(job->worker, deadline) >= 0;
}

const struct dump_result *dump_job_result(const struct dump_job *job)
{
	return &job->result;
}

struct dump_job *dump_job_free(struct dump_job *job)
{
	if (!job)
		return NULL;
	job->worker = loop_worker_free(job->worker);
	core_notes_finish(&job->notes);
	free(job->partial);
	free(job->path);
	free(job);
	return NULL;
}
