/* vmm/test/runs.c - the runs that the words of `vmm test` ask for. */
#include "vmm/test/runs.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/test/spec_option.h"

/* Rows of the matrix, from the outermost to the innermost. */
enum {
	ROW_KERNEL,
	ROW_CPUS,
	ROW_MEM,
	ROW_CMDLINE,
	ROW_OPTIONS,
	ROW_TIME,
	ROWS
};

/* The matrix of a case. */
struct matrix {
	const struct spec_case *one;
	const struct strings *row[ROW_OPTIONS];
	size_t size[ROWS]; /* at least 1 each */
};

static void lay_matrix(struct matrix *ret, const struct spec_case *one)
{
	*ret = (struct matrix){
		.one = one,
		.row = { &one->kernel, &one->cpus, &one->mem, &one->cmdline },
	};
	for (size_t i = 0; i < ROW_OPTIONS; i++)
		ret->size[i] = ret->row[i]->count > 0 ? ret->row[i]->count : 1;
	ret->size[ROW_OPTIONS] = one->choices > 0 ? one->choices : 1;
	ret->size[ROW_TIME] = one->repeat;
}

static size_t count_matrix(const struct matrix *matrix)
{
	size_t n = 1;

	for (size_t i = 0; i < ROWS; i++)
		n *= matrix->size[i];
	return n;
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void add_to_name(struct run *run, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add_to_name(struct run *run, const char *format, ...)
{
	const size_t len = strlen(run->name);
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(run->name + len, RUN_NAME - len, format, ap);
	va_end(ap);
}

/* A name that is one of a file, and of one run alone. Of a case, it is the same
 * wherever in the file that stands. */
static void name_run(struct run *run, const struct matrix *matrix,
		     const size_t at[ROWS], size_t number)
{
	const char *name = matrix->one->name;
	const size_t few = name ? 1 : 0; /* that are not told */

	if (name)
		add_to_name(run, "%s", name);
	else
		add_to_name(run, "%03zu-%.40s", number + 1,
			    base_of(run->kernel));
	if (name && matrix->size[ROW_KERNEL] > 1)
		add_to_name(run, "-k%zu-%.40s", at[ROW_KERNEL] + 1,
			    base_of(run->kernel));
	if (matrix->row[ROW_CPUS]->count > few)
		add_to_name(run, "-c%.8s", run->cpus);
	if (matrix->row[ROW_MEM]->count > few)
		add_to_name(run, "-m%.16s", run->mem);
	if (matrix->size[ROW_CMDLINE] > 1)
		add_to_name(run, "-cmdline%zu", at[ROW_CMDLINE] + 1);
	if (matrix->size[ROW_OPTIONS] > 1)
		add_to_name(run, "-options%zu", at[ROW_OPTIONS] + 1);
	if (matrix->size[ROW_TIME] > 1)
		add_to_name(run, "-%zu", at[ROW_TIME] + 1);
	for (char *c = run->name; *c; c++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX"
			    "YZ0123456789._-",
			    *c))
			*c = '_';
}

static const char *item_at(const struct strings *row, size_t i)
{
	return row->count > 0 ? row->item[i] : NULL;
}

/* Adds the @number-th run of a case's matrix. */
static void add_matrix_run(struct runs *runs, const struct matrix *matrix,
			   size_t number)
{
	struct run *run = &runs->item[runs->count];
	size_t at[ROWS];

	for (size_t i = ROWS; i-- > 0; number /= matrix->size[i])
		at[i] = number % matrix->size[i];
	*run = (struct run){
		.one = matrix->one,
		.kernel = item_at(matrix->row[ROW_KERNEL], at[ROW_KERNEL]),
		.cpus = item_at(matrix->row[ROW_CPUS], at[ROW_CPUS]),
		.mem = item_at(matrix->row[ROW_MEM], at[ROW_MEM]),
		.cmdline = item_at(matrix->row[ROW_CMDLINE], at[ROW_CMDLINE]),
	};
	if (matrix->one->choices > 0)
		run->choice = &matrix->one->choice[at[ROW_OPTIONS]];
	name_run(run, matrix, at, runs->count);
	runs->count++;
}

static int add_case_runs(struct runs *runs, const struct spec_case *one,
			 struct err *err)
{
	struct matrix matrix;
	struct run *more;
	size_t count;

	lay_matrix(&matrix, one);
	count = count_matrix(&matrix);
	if (count > TEST_MAX_RUNS - runs->count)
		return err_input(err, -ENOSPC, "%zu runs, and at most %d",
				 runs->count + count, TEST_MAX_RUNS);
	more = reallocarray(runs->item, runs->count + count, sizeof(*more));
	if (!more)
		return err_set(err, -ENOMEM, "out of memory");
	runs->item = more;
	for (size_t i = 0; i < count; i++)
		add_matrix_run(runs, &matrix, i);
	return 0;
}

/* Has the values of the command line take the place of a case's. */
static int replace_row(struct strings *row, const struct test_list *list)
{
	int r = 0;

	if (list->count == 0)
		return 0;
	strings_finish(row);
	for (size_t i = 0; r == 0 && i < list->count; i++)
		r = strings_add(row, list->item[i]);
	return r;
}

static int apply_words(struct spec_case *one, const struct test_words *words,
		       struct err *err)
{
	if (replace_row(&one->kernel, &words->kernels) < 0 ||
	    replace_row(&one->cpus, &words->cpus) < 0 ||
	    replace_row(&one->mem, &words->mem) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	if (test_words_given(words, "repeat"))
		one->repeat = (unsigned)words->repeat;
	if (one->kernel.count == 0)
		return err_input(err, -EINVAL,
				 "%s:%zu: case '%s' has no kernel, and there "
				 "is no --kernel",
				 one->file, one->line, one->name);
	return 0;
}

/* The command line's command is a case that has no name. */
static int add_command_case(struct spec *spec, const struct test_words *words,
			    struct err *err)
{
	struct spec_case *one = calloc(1, sizeof(*one));
	int r = 0;

	if (!one)
		return err_set(err, -ENOMEM, "out of memory");
	spec->item = one;
	spec->count = 1;
	one->repeat = 1;
	for (size_t i = 0; r == 0 && i < words->command_words; i++)
		r = strings_add(&one->command, words->command[i]);
	return r < 0 ? err_set(err, r, "out of memory") : 0;
}

static int check_names(const struct runs *runs, struct err *err)
{
	const char **names = calloc(runs->count, sizeof(*names));
	const char *twice;

	if (!names)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < runs->count; i++)
		names[i] = runs->item[i].name;
	twice = strings_twice(names, runs->count);
	free(names);
	return twice ? err_input(err, -EINVAL,
				 "two runs are called '%s': give their cases "
				 "other names",
				 twice)
		     : 0;
}

static int read_specs(struct spec *spec, const struct test_words *words,
		      struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < words->file_count; i++)
		r = spec_read(spec, words->files[i], err);
	return r;
}

int runs_plan(struct runs *ret, const struct test_words *words, struct err *err)
{
	int r;

	*ret = (struct runs){ 0 };
	if (words->givens.count > CLI_MAX_GIVEN)
		return err_input(err, -E2BIG, "more than %d options",
				 CLI_MAX_GIVEN);
	r = words->files ? read_specs(&ret->spec, words, err)
			 : add_command_case(&ret->spec, words, err);
	for (size_t i = 0; r == 0 && i < ret->spec.count; i++)
		r = apply_words(&ret->spec.item[i], words, err);
	for (size_t i = 0; r == 0 && i < ret->spec.count; i++)
		r = add_case_runs(ret, &ret->spec.item[i], err);
	return r == 0 ? check_names(ret, err) : r;
}

void runs_finish(struct runs *runs)
{
	spec_finish(&runs->spec);
	free(runs->item);
	runs->item = NULL;
	runs->count = 0;
}

static int add_run_option(struct strings *words, const char *name,
			  const char *value)
{
	return value ? strings_format(words, "--%s=%s", name, value) : 0;
}

/* Options of the command line that are for each run. */
static int add_given_word(struct strings *words, const struct cli_given *given)
{
	const char *name = given->option->name;

	if (option_is_of_suite(name) || strcmp(name, "kernel") == 0 ||
	    strcmp(name, "cpus") == 0 || strcmp(name, "mem") == 0)
		return 0;
	return given->value ? add_run_option(words, name, given->value)
			    : strings_format(words, "--%s", name);
}

static int add_strings(struct strings *words, const struct strings *more)
{
	int r = 0;

	for (size_t i = 0; more && r == 0 && i < more->count; i++)
		r = strings_add(words, more->item[i]);
	return r;
}

int run_list_words(const struct run *run, const struct test_words *words,
		   const char *program, const char *folder, struct strings *ret)
{
	const struct cli_givens *givens = &words->givens;
	int r = strings_add(ret, program);

	if (r == 0)
		r = strings_add(ret, "test");
	for (size_t i = 0; r == 0 && i < givens->count; i++)
		r = add_given_word(ret, &givens->given[i]);
	if (r == 0)
		r = add_strings(ret, &run->one->options);
	if (r == 0)
		r = add_strings(ret, run->choice);
	if (r == 0)
		r = add_run_option(ret, "kernel", run->kernel);
	if (r == 0)
		r = add_run_option(ret, "cpus", run->cpus);
	if (r == 0)
		r = add_run_option(ret, "mem", run->mem);
	if (r == 0)
		r = add_run_option(ret, "cmdline", run->cmdline);
	if (r == 0)
		r = add_run_option(ret, "out", folder);
	if (r == 0)
		r = add_strings(ret, &run->one->steps);
	if (r < 0 || run->one->command.count == 0)
		return r;
	r = strings_add(ret, "--");
	return r == 0 ? add_strings(ret, &run->one->command) : r;
}
