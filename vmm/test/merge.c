/* vmm/test/merge.c - one report of the reports of several machines. */
#include "vmm/test/merge.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "vmm/cli.h"
#include "vmm/test/report.h"
#include "vmm/test/report_file.h"
#include "vmm/test/strings.h"
#include "vmm/test/suite.h"

struct merge {
	const struct test_words *words;
	struct report_file *file; /* owned; one for each word */
	struct strings names; /* of what is missing */
	struct report_case *all; /* owned */
	size_t count;
};

static int read_reports(struct merge *merge, struct err *err)
{
	const struct test_words *words = merge->words;
	int r = 0;

	merge->file = calloc(words->file_count, sizeof(*merge->file));
	if (!merge->file)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; r == 0 && i < words->file_count; i++)
		r = report_file_read(&merge->file[i], words->files[i], err);
	return r;
}

/* The file that has a part, or NULL. */
static const struct report_file *find_report_part(const struct merge *merge,
						  uint64_t shard)
{
	for (size_t i = 0; i < merge->words->file_count; i++)
		if (merge->file[i].shard == shard)
			return &merge->file[i];
	return NULL;
}

static int check_parts(const struct merge *merge, struct err *err)
{
	const uint64_t shards = merge->file[0].shards;

	for (size_t i = 0; i < merge->words->file_count; i++) {
		const struct report_file *file = &merge->file[i];

		if (file->shards != shards)
			return err_input(err, -EINVAL,
					 "%s is of %" PRIu64 " parts, and %s "
					 "of %" PRIu64,
					 merge->words->files[i], file->shards,
					 merge->words->files[0], shards);
		if (file->division != merge->file[0].division)
			return err_input(err, -EINVAL,
					 "%s and %s are parts of different "
					 "suites, or by different times",
					 merge->words->files[i],
					 merge->words->files[0]);
		if (shards > 0 && find_report_part(merge, file->shard) != file)
			return err_input(err, -EINVAL,
					 "%s: part %" PRIu64 " is there twice",
					 merge->words->files[i], file->shard);
	}
	return 0;
}

/* Names what no report tells of. */
static int name_missing(struct merge *merge)
{
	const struct report_file *file = merge->file;
	int r = 0;

	for (size_t i = 0; i < merge->words->file_count; i++)
		for (size_t n = file[i].count; r == 0 && n < file[i].runs; n++)
			r = strings_format(&merge->names, "%s:missing-%zu",
					   merge->words->files[i], n + 1);
	for (uint64_t part = 1; part <= file[0].shards; part++)
		if (r == 0 && !find_report_part(merge, part))
			r = strings_format(&merge->names,
					   "part-%" PRIu64 "-of-%" PRIu64, part,
					   file[0].shards);
	return r;
}

static int gather_cases(struct merge *merge, struct err *err)
{
	size_t count;

	if (name_missing(merge) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	count = merge->names.count;
	for (size_t i = 0; i < merge->words->file_count; i++)
		count += merge->file[i].count;
	merge->all = calloc(count + 1, sizeof(*merge->all));
	if (!merge->all)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < merge->words->file_count; i++)
		for (size_t j = 0; j < merge->file[i].count; j++)
			merge->all[merge->count++] = merge->file[i].item[j];
	for (size_t i = 0; i < merge->names.count; i++)
		merge->all[merge->count++] = (struct report_case){
			.name = merge->names.item[i],
		};
	return 0;
}

static int check_twice(const struct merge *merge, struct err *err)
{
	const char **names = calloc(merge->count + 1, sizeof(*names));
	const char *twice;

	if (!names)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < merge->count; i++)
		names[i] = merge->all[i].name;
	twice = strings_twice(names, merge->count);
	free(names);
	return twice ? err_input(err, -EINVAL, "run '%.200s' is told twice",
				 twice)
		     : 0;
}

static void tell_merged(const struct merge *merge, FILE *to,
			enum report_form form)
{
	size_t number = 0;

	for (size_t i = 0; i < merge->count; i++)
		if (merge->all[i].end != REPORT_NOT_RUN || form == REPORT_JSON)
			report_one(to, form, &merge->all[i], ++number);
}

/* A report that can be merged again, or tell times. */
static int write_merged(const struct merge *merge, struct err *err)
{
	const char *out = merge->words->out;
	_cleanup_(freep) char *path = NULL;
	bool whole;
	FILE *to;

	if (mkdir(out, 0777) < 0 && errno != EEXIST)
		return file_failed(out, err);
	if (asprintf(&path, "%s/" SUITE_REPORT, out) < 0) {
		path = NULL;
		return err_set(err, -ENOMEM, "out of memory");
	}
	to = fopen(path, "we");
	if (!to)
		return file_failed(path, err);
	report_file_begin(to, &(struct report_file){ .runs = merge->count });
	tell_merged(merge, to, REPORT_JSON);
	whole = !ferror(to);
	whole = fclose(to) == 0 && whole;
	return whole ? 0 : err_set(err, -EIO, "%s: write failed", path);
}

static int write_all_merged(const struct merge *merge, struct err *err)
{
	const struct test_words *words = merge->words;
	const enum report_form form = words->tap  ? REPORT_TAP
				    : words->json ? REPORT_JSON
						  : REPORT_LINES;
	int r = words->out ? write_merged(merge, err) : 0;

	if (r == 0 && words->junit)
		r = report_junit_file(words->junit, merge->all, merge->count,
				      err);
	if (r < 0)
		return r;
	report_begin(stdout, form, merge->count);
	tell_merged(merge, stdout, form);
	report_end(stdout, form, merge->all, merge->count);
	return cli_flush(err);
}

static void finish_merge(struct merge *merge)
{
	for (size_t i = 0; merge->file && i < merge->words->file_count; i++)
		report_file_finish(&merge->file[i]);
	free(merge->file);
	strings_finish(&merge->names);
	free(merge->all);
}

int merge_reports(const struct test_words *words, int *ret_status,
		  struct err *err)
{
	struct merge merge = { .words = words };
	int r = read_reports(&merge, err);

	if (r == 0)
		r = check_parts(&merge, err);
	if (r == 0)
		r = gather_cases(&merge, err);
	if (r == 0)
		r = check_twice(&merge, err);
	if (r == 0)
		r = write_all_merged(&merge, err);
	if (r == 0)
		*ret_status = report_count(merge.all, merge.count,
					   REPORT_FAILED) +
				      report_count(merge.all, merge.count,
						   REPORT_NOT_RUN) >
			      0;
	finish_merge(&merge);
	return r;
}
