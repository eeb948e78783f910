/* vmm/main.c - arguments in, exit status out; prints the one error. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arch/arch.h"
#include "base/cleanup.h"
#include "base/closest.h"
#include "base/err.h"
#include "base/log.h"
#include "vmm/cli.h"
#include "vmm/client/commands.h"
#include "vmm/config.h"
#include "vmm/doctor/doctor.h"
#include "vmm/hugetlbfs.h"
#include "vmm/migrate/target.h"
#include "vmm/migrate/uri.h"
#include "vmm/restore_words.h"
#include "vmm/run.h"
#include "vmm/snapshot/disk_load.h"
#include "vmm/snapshot/disks.h"
#include "vmm/snapshot/restore.h"
#include "vmm/test/words.h"
#include "vmm/test_run.h"

enum { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

static int run_help(int argc, char *const argv[], int *ret_status,
		    struct err *err);

/* A guest that comes, to a configuration that the user gave. */
static int run_incoming(struct config *config, int *ret_status, struct err *err)
{
	_cleanup_(migrate_target_finish) struct migrate_target target =
		MIGRATE_TARGET_NONE;
	struct migrate_uri uri = { 0 };
	int r = 0;

	if (strcmp(config->await, "defer") != 0)
		r = migrate_uri_parse(&uri, config->await, err);
	migrate_uri_finish(&uri);
	if (r < 0)
		return err_wrap(err, "--incoming");
	config->incoming = true;
	r = run_guest(config, NULL, &target, ret_status, err);
	if (!target.taken)
		migrate_target_fail(&target, err);
	return r;
}

static int run_run(int argc, char *const argv[], int *ret_status,
		   struct err *err)
{
	_cleanup_(config_finish) struct config config = { 0 };
	const int r = config_parse(&config, argc, argv, err);

	if (r != 0)
		return r;
	log_set_level(config.log_level);
	if (hugetlbfs_apply(&config, err) < 0)
		return err->code;
	return config.await ? run_incoming(&config, ret_status, err)
			    : run_guest(&config, NULL, NULL, ret_status, err);
}

static int run_restore(int argc, char *const argv[], int *ret_status,
		       struct err *err)
{
	_cleanup_(restore_words_finish) struct restore_words words = { 0 };
	_cleanup_(restore_close) struct restore from = { 0 };
	_cleanup_(config_finish) struct config config = { 0 };
	const struct snapshot_about *about = &from.chain.about;
	int r = restore_words_parse(&words, argc, argv, err);

	if (r == 0)
		r = restore_open(&from, words.dir, arch_name, err);
	if (r == 0)
		r = restore_words_config(&config, about->word, about->words,
					 &words, err);
	if (r == 0)
		r = snapshot_disks_check(about, &config, err);
	if (r != 0)
		return r;
	log_set_level(config.log_level);
	if (snapshot_disks_load(&from.chain, &config, err) < 0)
		return err->code;
	if (hugetlbfs_apply(&config, err) < 0)
		return err->code;
	from.paused = words.paused;
	from.tell = words.json;
	from.record = words.record;
	from.way = words.memory;
	return run_guest(&config, &from, NULL, ret_status, err);
}

/* The name that the other side says is as good as one of --name, or none: it
 * becomes that of a file. */
static int take_sent_name(struct config *config,
			  const struct snapshot_about *about, struct err *err)
{
	struct err why = { 0 };

	if (config->name)
		return 0;
	if (config_check_name(about->name, &why) < 0)
		return err_input(err, -EBADMSG,
				 "the stream is damaged: the guest's name: %s",
				 why.msg);
	config->name = about->name;
	return 0;
}

/* Makes the guest that comes. */
static int receive_guest(struct migrate_target *target,
			 const struct restore_words *words, int *ret_status,
			 struct err *err)
{
	_cleanup_(config_finish) struct config config = { 0 };
	const struct snapshot_about *about = &target->about;
	int r = restore_words_config(&config, about->word, about->words, words,
				     err);

	if (r == 0)
		r = take_sent_name(&config, about, err);
	if (r < 0)
		return r;
	config.incoming = true;
	log_set_level(config.log_level);
	if (hugetlbfs_apply(&config, err) < 0)
		return err->code;
	return run_guest(&config, NULL, target, ret_status, err);
}

static int run_receive(int argc, char *const argv[], int *ret_status,
		       struct err *err)
{
	_cleanup_(restore_words_finish) struct restore_words words = { 0 };
	_cleanup_(migrate_uri_finish) struct migrate_uri uri = { 0 };
	_cleanup_(migrate_target_finish) struct migrate_target target =
		MIGRATE_TARGET_NONE;
	struct channel channel = CHANNEL_NONE;
	_cleanup_(migrate_door_close) struct migrate_door door = { .fd = -1 };
	int r = receive_words_parse(&words, argc, argv, err);

	if (r == 0)
		r = migrate_uri_parse(&uri, words.dir, err);
	if (r != 0)
		return r;
	/* A source that goes is an EPIPE, not the end. */
	(void)signal(SIGPIPE, SIG_IGN);
	r = migrate_uri_listen(&uri, &door, err);
	if (r == 0)
		r = migrate_uri_accept(&door, &channel, err);
	if (r < 0)
		return r;
	r = migrate_target_begin(&target, &channel, &door, arch_name, err);
	if (r == 0)
		r = receive_guest(&target, &words, ret_status, err);
	if (!target.taken)
		migrate_target_fail(&target, err);
	return r;
}

static int run_doctor(int argc, char *const argv[], int *ret_status,
		      struct err *err)
{
	struct doctor_options options = { 0 };
	struct doctor report = { 0 };
	const int r = cli_parse(&doctor_command, argc, argv, &options, err);

	if (r != 0)
		return r;
	doctor_kvm(&report);
	doctor_host(&report, "");
	*ret_status = doctor_fit(&report) ? STATUS_OK : STATUS_FAILED;
	return options.json ? doctor_print_json(&report, err)
			    : doctor_print_text(&report, err);
}

static int set_topic(void *ctx, const char *word, struct err *err)
{
	const char **topic = ctx;

	if (*topic)
		return err_input(err, -EINVAL, "'%s': one command at a time",
				 word);
	*topic = word;
	return 0;
}

static const struct cli_command help_command = {
	.name = "help",
	.summary = "Explain a command",
	.usage = "[COMMAND]",
	.word = set_topic,
};

// clang-format off
static const struct command {
	const struct cli_command *cli;
	int (*main)(int argc, char *const argv[], int *ret_status,
		    struct err *err);
} commands[] = {
	{ &config_command, run_run },
	{ &restore_command, run_restore },
	{ &receive_command, run_receive },
	{ &test_command, test_run_main },
	{ &list_command, list_main },
	{ &stop_command, stop_main },
	{ &pause_command, pause_main },
	{ &resume_command, resume_main },
	{ &stat_command, stat_main },
	{ &mem_command, mem_main },
	{ &balloon_command, balloon_main },
	{ &disk_command, disk_main },
	{ &console_command, console_main },
	{ &snapshot_command, snapshot_main },
	{ &dump_command, dump_main },
	{ &gdb_command, gdb_main },
	{ &migrate_command, migrate_main },
	{ &doctor_command, run_doctor },
	{ &version_command, version_main },
	{ &help_command, run_help },
};
// clang-format on

/* Commands of kvmtool that have no counterpart. */
static const struct cli_refusal kvmtools[] = {
	{ "setup", "there are no root file systems of the VMM's own: make one "
		   "with debootstrap or 'mke2fs -d', and give it by 'vmm run "
		   "--disk'" },
	{ "sandbox", "there are no root file systems of the VMM's own: give "
		     "one whose init runs the script by 'vmm run --disk'" },
	{ "debug", "'vmm stat' and 'vmm mem' tell what a guest does" },
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

/* The line with "most commonly used" is kvmtool's: test suites look for it. */
static int print_commands(struct err *err)
{
	(void)printf("Usage: vmm COMMAND [OPTION]...\n"
		     "\n"
		     "The most commonly used vmm commands are:\n");
	for (size_t i = 0; i < COMMANDS; i++)
		(void)printf("  %-9s %s\n", commands[i].cli->name,
			     commands[i].cli->summary);
	(void)printf("\nSee 'vmm COMMAND --help', and vmm(1).\n");
	return cli_flush(err);
}

static int find_command(const char *name, const struct command **ret,
			struct err *err)
{
	struct closest near = { .word = name };

	for (size_t i = 0; i < COMMANDS; i++) {
		if (!strcmp(name, commands[i].cli->name)) {
			*ret = &commands[i];
			return 0;
		}
	}
	for (size_t i = 0; i < COMMANDS; i++)
		closest_try(&near, commands[i].cli->name);
	for (size_t i = 0; i < sizeof(kvmtools) / sizeof(*kvmtools); i++)
		if (!strcmp(name, kvmtools[i].name))
			return err_input(err, -EINVAL, "%s: %s", name,
					 kvmtools[i].why);
	if (*name == '-')
		return err_input(err, -EINVAL,
				 "unknown option '%s' (options follow a "
				 "command, as in 'vmm run --help')",
				 name);
	return closest_refuse(&near, "command", err);
}

static int run_help(int argc, char *const argv[], int *ret_status,
		    struct err *err)
{
	const struct command *command;
	const char *topic = NULL;
	int r = cli_parse(&help_command, argc, argv, &topic, err);

	(void)ret_status;
	if (r != 0)
		return r;
	if (!topic)
		return print_commands(err);
	r = find_command(topic, &command, err);
	return r < 0 ? r : cli_help(command->cli, err);
}

static int dispatch_command(int argc, char *const argv[], int *ret_status,
			    struct err *err)
{
	const struct command *command;
	int r;

	if (argc < 2)
		return err_input(err, -EINVAL,
				 "no command given: 'vmm help' lists them, as "
				 "in 'vmm run --kernel FILE'");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return print_commands(err);
	if (!strcmp(argv[1], "--version"))
		return version_main(1, &argv[1], ret_status, err);
	r = find_command(argv[1], &command, err);
	return r < 0 ? r : command->main(argc - 1, &argv[1], ret_status, err);
}

/* kvmtool's prefix, and one write(2) so that lines of several runs stay whole.
 */
static void print_error(const struct err *err)
{
	static const char prefix[] = "Fatal: ";
	char line[sizeof(prefix) + sizeof(err->msg)];
	const size_t len = (size_t)snprintf(line, sizeof(line), "%s%s\n",
					    prefix, err->msg);

	/* A file's name may hold what a terminal would act on. */
	for (size_t i = 0; i < len - 1; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	(void)!write(STDERR_FILENO, line, len);
}

/*
 * A standard descriptor that was closed (vmm run <&-) would be the number of
 * the next thing opened: the guest's console would be /dev/kvm.
 */
static int fill_std_fds(struct err *err)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* The lowest free number is this one. */
		if (open("/dev/null", O_RDWR) < 0)
			return err_sys(
				err, "descriptor %d is closed: /dev/null", fd);
	}
	return 0;
}

int main(int argc, char *argv[])
{
	struct err err = { 0 };
	int status = STATUS_OK;

	if (fill_std_fds(&err) == 0 &&
	    dispatch_command(argc, argv, &status, &err) >= 0)
		return status;
	print_error(&err);
	/* A command may say what its failure is. */
	if (status != STATUS_OK)
		return status;
	return err.input ? STATUS_USAGE : STATUS_FAILED;
}
