/* vmm/control/saved.c - the running guest as something that can be saved. */
#include "vmm/control/saved.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arch/arch.h"
#include "base/cleanup.h"
#include "devices/virtio/balloon.h"
#include "mem/page_copy.h"
#include "vmm/config_words.h"
#include "vmm/control/control.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/machine.h"
#include "vmm/snapshot/about.h"

int saved_about(const struct control *control, struct snapshot_about *ret,
		struct err *err)
{
	const struct machine *machine = control->machine;
	_cleanup_(freep) char *here = realpath(".", NULL);
	struct config_words words = { 0 };
	int r;

	*ret = (struct snapshot_about){ .made = time(NULL),
					.page = machine->limits.page_size };
	if (!here)
		return err_sys(err, "working directory");
	r = snapshot_make_id(ret->id, err);
	if (r == 0)
		r = config_words_of(&words, machine->config, here, err);
	if (r < 0)
		return r;
	ret->word = words.word;
	ret->words = words.count;
	ret->architecture = strdup(arch_name);
	ret->name = strdup(control->name);
	ret->vmm = strdup(VMM_VERSION);
	if (!ret->architecture || !ret->name || !ret->vmm)
		return err_set(err, -ENOMEM, "out of memory");
	return 0;
}

int saved_hold(struct control *control, struct state *state, struct err *err)
{
	int r;

	control_hold(control);
	if (machine_outcome(control->machine) != OUTCOME_NONE)
		r = err_set(err, -ECANCELED, "the guest has ended");
	else
		r = vm_save(control->vm, state, err);
	if (r < 0)
		control_release(control);
	return r;
}

int saved_drop(const struct control *control, struct page_copy *copy,
	       struct err *err)
{
	struct virtio *balloon = control->machine->balloon;
	struct range held;
	gpa_t from = 0;
	int r = 0;

	/* A page that was lost while it was copied reads as zeroes. */
	if (machine_outcome(control->machine) == OUTCOME_ERROR)
		return err_set(err, -EFAULT,
			       "the guest has lost a page of its memory");
	while (r == 0 && balloon && balloon_next_held(balloon, from, &held)) {
		r = page_copy_drop(copy, held, err);
		from = held.start + held.size;
	}
	return r;
}
