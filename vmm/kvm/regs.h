/*
 * vmm/kvm/regs.h - a vCPU's registers by their ONE_REG ids, to and from a
 * state.
 */
#ifndef VMM_KVM_REGS_H
#define VMM_KVM_REGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/state.h"

/* Ids of registers. */
struct reg_list {
	uint64_t *id; /* owned */
	size_t count;
};

/*
 * Asks KVM which registers a vCPU has, in KVM's order. For an architecture
 * that has KVM_GET_REG_LIST. Returns 0, -ENOMEM, or that call's errno.
 */
int reg_list_init(struct reg_list *list, int vcpu_fd, struct err *err);
void reg_list_finish(struct reg_list *list); /* zeroed is fine */

/* Takes one out, as it is not saved and loaded with the others. Returns false
 * if it was not there. */
bool reg_list_remove(struct reg_list *list, uint64_t id);

/* Adds a record of each register to the section that is open in @state: its id
 * is the record's. Returns 0 or KVM_GET_ONE_REG's errno. */
int regs_save(int vcpu_fd, const struct reg_list *list, struct state *state,
	      struct err *err);

/*
 * Sets a vCPU's registers, in the order of the records: each of @list, for what
 * a new vCPU has in one that is missing is not what the guest had.
 *
 * @records: not trusted
 *
 * Returns 0; -ENOTSUP if there is a record of what is not in @list, -ENOENT if
 * one of @list has none, -EBADMSG if it has two or is not of its register's
 * size; -ENOMEM; or KVM_SET_ONE_REG's errno.
 */
int regs_load(int vcpu_fd, const struct reg_list *list,
	      struct state_records *records, struct err *err);

#endif
