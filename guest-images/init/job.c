/* guest-images/init/job.c - what the guest is to do, as vmm wrote it. */
#include "guest-images/init/init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void read_job_file(struct job *job)
{
	const int fd = open(JOB_FILE, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		die("%s: %s", JOB_FILE, strerror(errno));
	job->size = (size_t)st.st_size;
	job->text = malloc(job->size + 1);
	if (!job->text || read(fd, job->text, job->size) != (ssize_t)job->size)
		die("%s: cannot be read", JOB_FILE);
	job->text[job->size] = '\0';
	(void)close(fd);
}

const char *job_next(const struct job *job, const char **at, const char *key)
{
	const size_t len = strlen(key);
	const char *word = *at ? *at + strlen(*at) + 1 : job->text;

	while (word < job->text + job->size) {
		if (strncmp(word, key, len) == 0 && word[len] == '=') {
			*at = word;
			return word + len + 1;
		}
		word += strlen(word) + 1;
	}
	return NULL;
}

static const char *find_word(const struct job *job, const char *key)
{
	const char *at = NULL;

	return job_next(job, &at, key);
}

static unsigned long find_number(const struct job *job, const char *key)
{
	const char *value = find_word(job, key);

	return value ? strtoul(value, NULL, 10) : 0;
}

/* All values of a key, as a vector that ends with NULL. */
static char **collect_words(const struct job *job, const char *key)
{
	const char *at = NULL;
	const char *value;
	size_t count = 0;
	char **ret;

	while (job_next(job, &at, key))
		count++;
	ret = calloc(count + 1, sizeof(*ret));
	if (!ret)
		die("out of memory");
	at = NULL;
	for (count = 0; (value = job_next(job, &at, key)); count++)
		ret[count] = (char *)value;
	return ret;
}

void job_read(struct job *ret)
{
	char **groups;

	*ret = (struct job){ 0 };
	read_job_file(ret);
	ret->root = find_word(ret, "root");
	ret->hostname = find_word(ret, "hostname");
	ret->pwd = find_word(ret, "pwd");
	ret->uid = (uid_t)find_number(ret, "uid");
	ret->gid = (gid_t)find_number(ret, "gid");
	ret->terminal = find_word(ret, "rows");
	ret->separate = find_word(ret, "separate");
	ret->rows = (unsigned)find_number(ret, "rows");
	ret->columns = (unsigned)find_number(ret, "columns");
	ret->argv = collect_words(ret, "arg");
	ret->env = collect_words(ret, "env");
	groups = collect_words(ret, "group");
	while (groups[ret->group_count])
		ret->group_count++;
	ret->groups = calloc(ret->group_count + 1, sizeof(*ret->groups));
	if (!ret->groups)
		die("out of memory");
	for (size_t i = 0; i < ret->group_count; i++)
		ret->groups[i] = (gid_t)strtoul(groups[i], NULL, 10);
	if (!ret->argv[0])
		die("%s: no command", JOB_FILE);
}
