/* vmm/kvm/regs.c - a vCPU's registers by their ONE_REG ids, to and from a
 * state. */
#include "vmm/kvm/regs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "vmm/kvm/kvm.h"

/* The longest that an id can say. */
#define MOST_BYTES 256

static size_t size_of(uint64_t id)
{
	return (size_t)1 << ((id & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT);
}

int reg_list_init(struct reg_list *list, int vcpu_fd, struct err *err)
{
	_cleanup_(freep) struct kvm_reg_list *all = NULL;
	struct kvm_reg_list none = { .n = 0 };
	struct err full = { 0 };
	int r = kvm_ioctl(vcpu_fd, KVM_GET_REG_LIST, &none, &full);

	*list = (struct reg_list){ 0 };
	/* It says how many there are, and that it has no room for them. */
	if (r < 0 && r != -E2BIG) {
		*err = full;
		return r;
	}
	all = calloc(1, sizeof(*all) + (size_t)none.n * sizeof(all->reg[0]));
	list->id = calloc((size_t)none.n + 1, sizeof(*list->id));
	if (!all || !list->id) {
		reg_list_finish(list);
		return err_set(err, -ENOMEM, "registers: out of memory");
	}
	all->n = none.n;
	r = kvm_ioctl(vcpu_fd, KVM_GET_REG_LIST, all, err);
	if (r < 0) {
		reg_list_finish(list);
		return r;
	}
	list->count = (size_t)all->n;
	memcpy(list->id, all->reg, list->count * sizeof(*list->id));
	return 0;
}

void reg_list_finish(struct reg_list *list)
{
	free(list->id);
	*list = (struct reg_list){ 0 };
}

bool reg_list_remove(struct reg_list *list, uint64_t id)
{
	size_t i = 0;

	while (i < list->count && list->id[i] != id)
		i++;
	if (i == list->count)
		return false;
	list->count--;
	memmove(list->id + i, list->id + i + 1,
		(list->count - i) * sizeof(*list->id));
	return true;
}

int regs_save(int vcpu_fd, const struct reg_list *list, struct state *state,
	      struct err *err)
{
	for (size_t i = 0; i < list->count; i++) {
		const uint64_t id = list->id[i];
		uint64_t val[MOST_BYTES / sizeof(uint64_t)] = { 0 };
		int r;

		if (size_of(id) > sizeof(val))
			return err_set(err, -EPROTO,
				       "register 0x%" PRIx64 " has %zu bytes",
				       id, size_of(id));
		r = kvm_get_reg(vcpu_fd, id, val, err);
		if (r < 0)
			return r;
		state_put(state, id, val, size_of(id));
	}
	return 0;
}

/* Registers that a load has to set. */
struct load {
	const struct reg_list *list; /* borrowed */
	bool *done; /* owned; of each */
	size_t next; /* where the next is looked for first */
};

static void finish_reg_load(struct load *load)
{
	free(load->done);
}

/* Records are in the order of the KVM that saved them, which mostly is that of
 * the list. Returns the register's place, or the list's count if it has none.
 */
static size_t find_reg(const struct load *load, uint64_t id)
{
	const struct reg_list *list = load->list;

	for (size_t i = load->next; i < list->count; i++)
		if (list->id[i] == id)
			return i;
	for (size_t i = 0; i < load->next; i++)
		if (list->id[i] == id)
			return i;
	return list->count;
}

static int load_one(struct load *load, int vcpu_fd,
		    const struct state_record *record, struct err *err)
{
	uint64_t val[MOST_BYTES / sizeof(uint64_t)];
	const size_t at = find_reg(load, record->id);

	if (at == load->list->count)
		return err_input(err, -ENOTSUP,
				 "this host's KVM has no register 0x%" PRIx64,
				 record->id);
	if (load->done[at])
		return err_input(err, -EBADMSG,
				 "register 0x%" PRIx64 " is there twice",
				 record->id);
	load->done[at] = true;
	load->next = at + 1;
	if (record->size != size_of(record->id) || record->size > sizeof(val))
		return err_input(err, -EBADMSG,
				 "register 0x%" PRIx64 " has not %" PRIu32
				 " bytes",
				 record->id, record->size);
	state_copy(record, val);
	return kvm_set_reg(vcpu_fd, record->id, val, err);
}

int regs_load(int vcpu_fd, const struct reg_list *list,
	      struct state_records *records, struct err *err)
{
	_cleanup_(finish_reg_load) struct load load = { .list = list };
	struct state_record record;
	int r = 0;

	load.done = calloc(list->count + 1, sizeof(*load.done));
	if (!load.done)
		return err_set(err, -ENOMEM, "registers: out of memory");
	while (r == 0 && state_next(records, &record))
		r = load_one(&load, vcpu_fd, &record, err);
	for (size_t i = 0; r == 0 && i < list->count; i++)
		if (!load.done[i])
			r = err_input(err, -ENOENT,
				      "register 0x%" PRIx64 " is missing",
				      list->id[i]);
	return r;
}
