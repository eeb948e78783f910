/*
 * tests/cli/fake_guest.c - what vmm/main.c calls, without a guest: so that the
 * program's words can be tested on any host.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch/arch.h"
#include "base/file.h"
#include "vmm/config.h"
#include "vmm/run.h"
#include "vmm/test/drive.h"
#include "vmm/test/merge.h"
#include "vmm/test/suite.h"
#include "vmm/test/words.h"
#include "vmm/test_run.h"

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

/* A guest that one may talk to on its console. */
static int talk(void)
{
	char line[128];

	(void)fputs("[    1.0] booted\r\nlogin: ", stdout);
	(void)fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (strcmp(line, "off\n") == 0)
			return 0;
		if (strcmp(line, "panic\n") == 0) {
			(void)puts("[    2.0] Kernel panic - not syncing: x");
			return 4;
		}
		if (strcmp(line, "warn\n") == 0)
			(void)puts("[    2.0] WARNING: of a test");
		(void)printf("you said %s# ", line);
		(void)fflush(stdout);
	}
	return 0;
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
	*ret_status = strcmp(config->kernel, "talk") == 0 ? talk() : 3;
	return 0;
}

/* A "guest" that is this host: what it says on its console is fixed. */
static int run_here(const struct test_words *words, struct err *err)
{
	static const char said[] = "[    0.0] booted\n";
	char path[4096];

	if (words->out) {
		(void)mkdir(words->out, 0777);
		(void)snprintf(path, sizeof(path), "%s/console", words->out);
		if (file_write_all(path, FILE_FOR_ALL, said, strlen(said),
				   err) < 0)
			return err->code;
	}
	for (size_t i = 0; i < words->envs; i++)
		if (strchr(words->env[i], '='))
			(void)putenv((char *)(uintptr_t)words->env[i]);
	(void)execvp(words->command[0], words->command);
	return err_sys(err, "%s", words->command[0]);
}

/* Several runs are run, and of these a kernel called "here" is this host; else
 * the status is 7, but for its own failures. */
int test_run_main(int argc, char *const argv[], int *ret_status,
		  struct err *err)
{
	struct test_words words;
	int r = test_words_parse(&words, argc, argv, err);

	*ret_status = r < 0 ? 125 : r > 0 ? 0 : 7;
	if (r != 0)
		return r;
	if (words.merge)
		r = merge_reports(&words, ret_status, err);
	else if (test_words_many(&words))
		r = suite_run(&words, ret_status, err);
	else if (words.steps > 0)
		r = drive_guest(&words, ret_status, err);
	else if (strcmp(basename(words.kernel), "here") == 0)
		r = run_here(&words, err);
	if (r < 0)
		*ret_status = 125;
	test_words_finish(&words);
	return r;
}
