/* vmm/test/report_file.c - the report of a suite as a file. */
#include "vmm/test/report_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/file.h"
#include "vmm/test/words.h"

#define REPORT_SIZE ((size_t)64 << 20)
#define FORM 1 /* of the file */
#define MS UINT64_C(1000000)
#define SECONDS_MAX 1e8

void report_file_begin(FILE *to, const struct report_file *file)
{
	(void)fprintf(to, "{\"vmm-test\":%d,\"runs\":%" PRIu64, FORM,
		      file->runs);
	if (file->shards > 0)
		(void)fprintf(to,
			      ",\"shard\":%" PRIu64 ",\"shards\":%" PRIu64
			      ",\"division\":\"%016" PRIx64 "\"",
			      file->shard, file->shards, file->division);
	(void)fputs("}\n", to);
	(void)fflush(to);
}

/* A number of a line, from 0 to @most; 0 if it is not there. Returns false if
 * it is another. */
static bool get_count(const json_t *line, const char *key, uint64_t most,
		      uint64_t *ret)
{
	const json_t *value = json_object_get(line, key);
	const json_int_t n = json_integer_value(value);

	*ret = (uint64_t)n;
	return !value ||
	       (json_is_integer(value) && n >= 0 && (uint64_t)n <= most);
}

/* The hash of the division, which a part has. */
static bool get_division(const json_t *line, struct report_file *file)
{
	const char *text = json_string_value(json_object_get(line, "division"));

	if (file->shards == 0)
		return true;
	if (!text || strlen(text) != 16 ||
	    strspn(text, "0123456789abcdef") != 16)
		return false;
	file->division = strtoull(text, NULL, 16);
	return true;
}

static bool get_whole(const json_t *line, struct report_file *file)
{
	uint64_t form;

	return get_count(line, "vmm-test", FORM, &form) && form == FORM &&
	       get_count(line, "runs", TEST_MAX_RUNS, &file->runs) &&
	       get_count(line, "shards", TEST_MAX_RUNS, &file->shards) &&
	       get_count(line, "shard", file->shards, &file->shard) &&
	       (file->shard > 0 || file->shards == 0) &&
	       get_division(line, file);
}

/* Copies a text of a line, if it is there. Returns false if there is no memory
 * for it. */
static bool copy_report_text(struct report_file *file, const json_t *line,
			     const char *key, const char **ret)
{
	const char *text = json_string_value(json_object_get(line, key));

	if (!text)
		return true;
	if (strings_add(&file->texts, text) < 0)
		return false;
	*ret = file->texts.item[file->texts.count - 1];
	return true;
}

static bool get_result(const json_t *line, struct report_case *one)
{
	const json_t *passed = json_object_get(line, "passed");
	const json_t *seconds = json_object_get(line, "seconds");
	const double took = json_number_value(seconds);
	uint64_t status, tries;

	if (json_is_true(json_object_get(line, "skipped"))) {
		one->end = REPORT_SKIPPED;
		return true;
	}
	if (json_is_true(json_object_get(line, "not-run")))
		return true;
	one->end = json_is_true(passed) ? REPORT_PASSED : REPORT_FAILED;
	if (!json_is_boolean(passed) || !json_is_number(seconds) ||
	    !(took >= 0 && took <= SECONDS_MAX) ||
	    !get_count(line, "status", 255, &status) ||
	    !get_count(line, "tries", 1000000, &tries))
		return false;
	one->ns = (uint64_t)(took * 1000 + 0.5) * MS;
	one->status = (int)status;
	one->tries = tries > 0 ? (unsigned)tries : 1;
	return true;
}

/* Returns 0, -EINVAL or -ENOMEM. */
static int get_case(struct report_file *file, const json_t *line,
		    struct report_case *one)
{
	if (!copy_report_text(file, line, "name", &one->name) ||
	    !copy_report_text(file, line, "kernel", &one->kernel) ||
	    !copy_report_text(file, line, "cpus", &one->cpus) ||
	    !copy_report_text(file, line, "mem", &one->mem) ||
	    !copy_report_text(file, line, "cmdline", &one->cmdline) ||
	    !copy_report_text(file, line, "why", &one->why))
		return -ENOMEM;
	return one->name && get_result(line, one) ? 0 : -EINVAL;
}

static int add_line_case(struct report_file *file, const json_t *line)
{
	struct report_case *more = reallocarray(file->item, file->count + 1,
						sizeof(*more));

	if (!more)
		return -ENOMEM;
	file->item = more;
	more[file->count] = (struct report_case){ 0 };
	return get_case(file, line, &more[file->count++]);
}

/* The last line may be cut off: what wrote it was ended. Returns 1 then. */
static int take_line(struct report_file *file, const char *text, size_t len,
		     bool last, size_t number)
{
	json_t *line = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	int r;

	if (!line)
		return last && number > 1 ? 1 : -EINVAL;
	if (number == 1)
		r = get_whole(line, file) ? 0 : -EINVAL;
	else if (file->count == file->runs)
		r = -EINVAL;
	else
		r = add_line_case(file, line);
	json_decref(line);
	return r;
}

int report_file_parse(struct report_file *ret, const char *path,
		      const char *text, size_t size, struct err *err)
{
	size_t number = 0;
	int r = size > 0 ? 0 : -EINVAL;

	*ret = (struct report_file){ 0 };
	while (r == 0 && size > 0) {
		const char *end = memchr(text, '\n', size);
		const size_t len = end ? (size_t)(end - text) : size;

		r = take_line(ret, text, len, !end, ++number);
		text += len + (end ? 1 : 0);
		size -= len + (end ? 1 : 0);
	}
	if (r >= 0)
		return 0;
	report_file_finish(ret);
	if (r == -ENOMEM)
		return err_set(err, r, "out of memory");
	return err_input(err, r, "%s:%zu: is no report of vmm test", path,
			 number > 0 ? number : 1);
}

int report_file_read(struct report_file *ret, const char *path, struct err *err)
{
	uint8_t *text = NULL;
	size_t size = 0;
	int r = file_read_all(path, REPORT_SIZE, &text, &size, err);

	if (r < 0)
		return r;
	r = report_file_parse(ret, path, (const char *)text, size, err);
	free(text);
	return r;
}

void report_file_finish(struct report_file *file)
{
	strings_finish(&file->texts);
	free(file->item);
	*file = (struct report_file){ 0 };
}

const struct report_case *report_file_find(const struct report_file *file,
					   const char *name)
{
	for (size_t i = 0; i < file->count; i++)
		if (strcmp(file->item[i].name, name) == 0)
			return &file->item[i];
	return NULL;
}
