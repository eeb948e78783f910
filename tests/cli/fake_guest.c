/*
 * tests/cli/fake_guest.c - what vmm/main.c calls, without a guest: so that the
 * program's words can be tested on any host.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "arch/arch.h"
#include "vmm/config.h"
#include "vmm/run.h"

const char *const arch_name = "fake";
const bool arch_has_ioeventfd = true;
const bool arch_has_irqfd = true;

const struct cap_need *arch_caps_needed(size_t *count)
{
	*count = 0;
	return NULL;
}

int arch_limits(int kvm, struct kvm_limits *ret, struct err *err)
{
	(void)kvm;
	(void)ret;
	(void)err;
	return 0;
}

void arch_doctor(struct doctor *doctor, int kvm)
{
	(void)doctor;
	(void)kvm;
}

/* The kernel's name says how the run ends; else it is with status 3. */
int run_guest(const struct config *config, struct restore *restore,
	      struct migrate_target *from, int *ret_status, struct err *err)
{
	(void)restore;
	(void)from;
	if (!strcmp(config->kernel, "missing"))
		return err_input(err, -ENOENT, "Unable to open kernel %s",
				 config->kernel);
	if (!strcmp(config->kernel, "broken"))
		return err_set(err, -EIO, "the\nhost \033[31mis %s",
			       config->kernel);
	/* "fd": which number the next descriptor gets. */
	if (!strcmp(config->kernel, "fd")) {
		*ret_status = dup(STDERR_FILENO);
		return 0;
	}
	*ret_status = 3;
	return 0;
}
