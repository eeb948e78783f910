/* vmm/test/plan.c - the initramfs of a guest of `vmm test`. */
#include "vmm/test/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "vmm/test/cpio.h"

#define GUEST_PATH \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Lists the words of the job: guest-images/init/job.c reads them. */
struct job_text {
	char *bytes; /* owned */
	size_t size;
	FILE *to; /* owned */
};

void plan_tag(char tag[PLAN_TAG_SIZE], size_t i)
{
	(void)snprintf(tag, PLAN_TAG_SIZE, "vmm-test-%zu", i);
}

static void put_word(FILE *to, const char *key, const char *value)
{
	(void)fprintf(to, "%s=%s", key, value);
	(void)fputc('\0', to);
}

static void put_number(FILE *to, const char *key, unsigned long value)
{
	(void)fprintf(to, "%s=%lu", key, value);
	(void)fputc('\0', to);
}

static void put_shares(FILE *to, const struct plan *plan)
{
	static const char *const keys[] = { "root", "over", "ro", "rw",
					    "fetchdir" };
	char tag[PLAN_TAG_SIZE];

	for (size_t i = 0; i < plan->shares; i++) {
		const struct plan_share *share = &plan->share[i];

		plan_tag(tag, i);
		if (share->use == PLAN_ROOT || share->use == PLAN_FETCH) {
			put_word(to, keys[share->use], tag);
			continue;
		}
		(void)fprintf(to, "%s=%s:%s", keys[share->use], tag,
			      share->guest);
		(void)fputc('\0', to);
	}
}

static void put_fetches(FILE *to, const struct test_words *words)
{
	for (size_t i = 0; i < words->fetches; i++)
		put_word(to, "fetch", words->fetch[i]);
}

/* True if --env says this variable, from the @i-th of them on. */
static bool says_variable(const struct test_words *words, const char *name,
			  size_t i)
{
	const size_t len = strcspn(name, "=");

	for (; i < words->envs; i++)
		if (strncmp(words->env[i], name, len) == 0 &&
		    (words->env[i][len] == '=' || !words->env[i][len]))
			return true;
	return false;
}

static void put_default(FILE *to, const struct plan *plan, const char *name,
			const char *value)
{
	if (!value || !*value || says_variable(plan->words, name, 0))
		return;
	(void)fprintf(to, "env=%s=%s", name, value);
	(void)fputc('\0', to);
}

static int put_environment(FILE *to, const struct plan *plan, struct err *err)
{
	put_default(to, plan, "PATH", GUEST_PATH);
	put_default(to, plan, "HOME", plan->user->home);
	put_default(to, plan, "SHELL", plan->user->shell);
	put_default(to, plan, "USER", plan->user->name);
	put_default(to, plan, "LOGNAME", plan->user->name);
	if (plan->terminal)
		put_default(to, plan, "TERM", secure_getenv("TERM"));
	for (size_t i = 0; i < plan->words->envs; i++) {
		const char *word = plan->words->env[i];
		const char *value = strchr(word, '=') ? NULL
						      : secure_getenv(word);

		if (!strchr(word, '=') && !value)
			return err_input(err, -EINVAL,
					 "--env %s: there is no such variable",
					 word);
		/* The last one wins. */
		if (says_variable(plan->words, word, i + 1))
			continue;
		(void)fprintf(to, "env=%s%s%s", word, value ? "=" : "",
			      value ? value : "");
		(void)fputc('\0', to);
	}
	return 0;
}

static void put_user(FILE *to, const struct test_user *user)
{
	put_number(to, "uid", user->uid);
	put_number(to, "gid", user->gid);
	for (size_t i = 0; i < user->groups; i++)
		put_number(to, "group", user->group[i]);
}

static void put_terminal(FILE *to, const struct plan *plan)
{
	if (!plan->terminal)
		return;
	put_number(to, "rows", plan->rows);
	put_number(to, "columns", plan->columns);
	if (plan->separate)
		put_word(to, "separate", "");
}

static void put_command(FILE *to, const struct plan *plan)
{
	if (plan->words->command_words == 0)
		put_word(to, "arg", plan->user->shell);
	for (size_t i = 0; i < plan->words->command_words; i++)
		put_word(to, "arg", plan->words->command[i]);
}

static void module_path(char *path, size_t size, const struct modules *modules,
			size_t i)
{
	(void)snprintf(path, size, ".vmm/modules/%02zu-%s.ko", i,
		       modules->file[i].name);
}

static void put_modules(FILE *to, const struct modules *modules)
{
	char path[256];

	for (size_t i = 0; i < modules->count; i++) {
		path[0] = '/';
		module_path(path + 1, sizeof(path) - 1, modules, i);
		put_word(to, "module", path);
	}
}

static int write_job_text(struct job_text *job, const struct plan *plan,
			  struct err *err)
{
	job->to = open_memstream(&job->bytes, &job->size);
	if (!job->to)
		return err_set(err, -ENOMEM, "out of memory");
	put_modules(job->to, plan->modules);
	put_shares(job->to, plan);
	put_fetches(job->to, plan->words);
	put_word(job->to, "hostname", "vmm-test");
	put_word(job->to, "pwd", plan->pwd);
	put_user(job->to, plan->user);
	put_terminal(job->to, plan);
	put_command(job->to, plan);
	if (put_environment(job->to, plan, err) < 0)
		return err->code;
	return fflush(job->to) == 0 && !ferror(job->to)
		     ? 0
		     : err_set(err, -ENOMEM, "out of memory");
}

static void write_archive(struct cpio *cpio, const struct plan *plan,
			  const struct job_text *job)
{
	static const char *const folders[] = { ".vmm", ".vmm/modules", "dev",
					       "proc", "sys",	       "tmp",
					       "run" };
	char path[256];

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		cpio_folder(cpio, folders[i],
			    strcmp(folders[i], "tmp") == 0 ? 01777 : 0755);
	cpio_device(cpio, "dev/console", 0600, 5, 1);
	cpio_file(cpio, ".vmm/init", 0755, plan->init, plan->init_size);
	cpio_file(cpio, ".vmm/job", 0600, job->bytes, job->size);
	for (size_t i = 0; i < plan->modules->count; i++) {
		module_path(path, sizeof(path), plan->modules, i);
		cpio_file(cpio, path, 0644, plan->modules->file[i].data,
			  plan->modules->file[i].size);
	}
}

int plan_write(const struct plan *plan, int fd, struct err *err)
{
	struct job_text job = { 0 };
	struct cpio cpio;
	int r = write_job_text(&job, plan, err);

	if (r == 0) {
		cpio_begin(&cpio, fd, err);
		write_archive(&cpio, plan, &job);
		r = cpio_end(&cpio);
	}
	if (job.to)
		(void)fclose(job.to);
	free(job.bytes);
	return r;
}
