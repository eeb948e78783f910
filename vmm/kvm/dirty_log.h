/*
 * vmm/kvm/dirty_log.h - KVM's log of the pages a guest writes (mem/dirty.h).
 *
 * KVM has three ways, and --dirty-log chooses:
 *
 * - bitmap: KVM_GET_DIRTY_LOG. Every KVM has it. Each look takes the bits of a
 *   whole slot, and protects all of its pages again before anything is copied.
 * - clear: the same bitmap, but a page is protected again by
 *   KVM_CLEAR_DIRTY_LOG, a chunk at a time just before it is copied, so that
 *   what is written in between is copied once. Logging begins with every bit
 *   set, where KVM can, and no page protected: it takes no longer for a large
 *   guest than for a small one, and the first harvest gives all pages.
 * - ring: each vCPU writes the pages it dirties into a ring of its own.
 *   Unchanged pages cost nothing, and the writing vCPU is known. A vCPU whose
 *   ring is full leaves the guest and empties all rings. KVM wants to know
 *   before it makes the vCPUs, and then keeps the rings for good, used or not.
 *   After a reset of the rings that may have been interrupted
 *   (vmm/kvm/dirty_ring.h), all memory is protected anew and counts as written.
 *
 * So auto is clear where KVM has it, else bitmap: without a reader both cost
 * nothing.
 *
 * KVM's own writes to guest memory are logged the same way. Stolen time is
 * written by the vCPU, so it is in its ring. Tables that KVM saves for us (the
 * ITS's) are written while no vCPU runs, and are in a bitmap beside the rings;
 * it is read in a harvest of a VM that does not run.
 *
 * A slot is logged only while mem/dirty.h has a reader. Read-only slots are
 * not: only this program writes there.
 *
 * Source: Linux, Documentation/virt/kvm/api.rst, 4.8, 4.117, 7.18, 8.29, 8.33.
 */
#ifndef VMM_KVM_DIRTY_LOG_H
#define VMM_KVM_DIRTY_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vmm/config.h"

struct dirty;
struct dirty_log;
struct slots;

/* The objects that a log works on. All is borrowed and outlives the log. */
struct dirty_log_setup {
	int fd; /* of the VM */
	struct slots *slots;
	struct dirty *dirty; /* receives the changed pages */
	uint64_t page_size; /* of the host, in bytes */
	bool (*is_quiet)(void *ctx); /* true if no vCPU runs */
	void *ctx;
};

/*
 * Makes a log. Before any slot and vCPU of the VM.
 *
 * @kind: as the user asks for it
 *
 * Returns 0; -ENOTSUP if this host's KVM lacks what was asked for; -ENOMEM; or
 * the errno of what KVM refused. Thread: setup.
 */
int dirty_log_new(struct dirty_log **ret, const struct dirty_log_setup *over,
		  enum dirty_log_kind kind, struct err *err);

/*
 * Adds the next vCPU, in the order of their numbers; at most CONFIG_MAX_CPUS.
 * Returns 0, or the errno of mapping its ring, negative. Thread: setup.
 */
int dirty_log_add_vcpu(struct dirty_log *log, int vcpu_fd, struct err *err);

/*
 * Attaches the log to the machine's memory; where there are readers from
 * another life of the guest, it logs from now on. Slots and vCPUs are there,
 * and no vCPU has run.
 *
 * Returns 0, -ENOMEM, or the errno of what KVM refused. Thread: setup.
 */
int dirty_log_attach(struct dirty_log *log, struct err *err);

/* Takes the rest of the log, and leaves. Before the slots and vCPUs go; none
 * runs. NULL is fine; returns NULL. */
struct dirty_log *dirty_log_free(struct dirty_log *log);

/* How the log is kept: bitmap, clear or ring, as the user writes it. NULL, of a
 * VM that could not be made anew: auto. */
const char *dirty_log_name(const struct dirty_log *log);

/*
 * How many pages were taken from a vCPU's ring since it was made, modulo 2^32;
 * a page counts again if it was written again after a harvest. Returns false if
 * there are no rings, as with NULL. Thread: any.
 */
bool dirty_log_vcpu_pages(const struct dirty_log *log, unsigned vcpu,
			  uint32_t *ret);

#endif
