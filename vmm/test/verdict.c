/* vmm/test/verdict.c - what a run of `vmm test` ends with. */
#include "vmm/test/verdict.h"

#include <stdio.h>

/* Of vmm-run(1). */
enum { RUN_RESET = 3, RUN_PANIC = 4, RUN_TIMEOUT = 124, RUN_SIGNAL = 128 };

static int judge_boot(const struct test_facts *facts, char text[VERDICT_TEXT])
{
	const char *said = facts->console->init.text;

	if (facts->refusal)
		(void)snprintf(text, VERDICT_TEXT,
			       "the command was not started: %s",
			       facts->refusal);
	else if (*said)
		(void)snprintf(text, VERDICT_TEXT,
			       "the boot did not come to the command: %s",
			       said);
	else if (facts->boot_late && facts->console->lines == 0)
		(void)snprintf(text, VERDICT_TEXT,
			       "the boot did not come to the command within "
			       "--boot-timeout, and the kernel said nothing: "
			       "is there a console for it (ttyS0)?");
	else if (facts->boot_late)
		(void)snprintf(text, VERDICT_TEXT,
			       "the boot did not come to the command within "
			       "--boot-timeout");
	else
		(void)snprintf(text, VERDICT_TEXT,
			       "the guest ended before the boot came to the "
			       "command");
	return TEST_NO_BOOT;
}

static int judge_command(const struct test_facts *facts,
			 char text[VERDICT_TEXT])
{
	const unsigned reports = facts->console->reports;
	const int status = facts->signaled ? 128 + facts->code : facts->code;

	if (status != 0 || reports == 0 || facts->ignore_reports)
		return status;
	(void)snprintf(text, VERDICT_TEXT,
		       "the command passed, but the kernel reported %u fault%s",
		       reports, reports == 1 ? "" : "s");
	return TEST_REPORTED;
}

int test_judge(const struct test_facts *facts, char text[VERDICT_TEXT])
{
	*text = '\0';
	if (facts->run_status > RUN_SIGNAL)
		return facts->run_status;
	if (facts->left)
		return RUN_SIGNAL + 2; /* as Ctrl-C does */
	if (facts->run_status == RUN_PANIC || facts->console->panicked) {
		(void)snprintf(text, VERDICT_TEXT,
			       "the guest's kernel "
			       "panicked");
		return TEST_PANIC;
	}
	if (facts->told)
		return judge_command(facts, text);
	if (facts->run_status == RUN_TIMEOUT) {
		(void)snprintf(text, VERDICT_TEXT, "--timeout passed%s",
			       facts->ran ? ""
					  : " before the command was started");
		return TEST_TIMEOUT;
	}
	if (facts->refusal || facts->boot_late || !facts->booted)
		return judge_boot(facts, text);
	(void)snprintf(text, VERDICT_TEXT,
		       "the guest %s without telling the command's status",
		       facts->run_status == RUN_RESET ? "restarted" : "ended");
	return TEST_GONE;
}
