/*
 * tests/fuzz/fuzz_cmdline.c - no command line crashes the parser, leaks, or is
 * taken with a value that the rest of the program does not expect.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arm64/options.h"
#include "tests/fuzz/fuzz.h"
#include "vmm/config.h"

#define WORDS 64

int LLVMFuzzerInitialize(int *argc, char ***argv);

/* --help is an input like any other, and its output is of no interest. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return freopen("/dev/null", "w", stdout) ? 0 : -1;
}

/* Each zero byte ends a word. On the heap, so that ASan sees where they end. */
static int split(const uint8_t *data, size_t size, char *argv[WORDS])
{
	int argc = 1;

	while (size && argc < WORDS) {
		const size_t len = strnlen((const char *)data, size);
		const size_t used = len < size ? len + 1 : len;

		argv[argc] = strndup((const char *)data, len);
		if (!argv[argc++])
			abort();
		data += used;
		size -= used;
	}
	return argc;
}

static void check(struct config *config)
{
	struct err err = { 0 };

	if (!config->mems || !config->mem[0].size || !config->cpus ||
	    config->cpus > CONFIG_MAX_CPUS || !config->cmdline ||
	    !config->kernel == !config->firmware)
		abort();
	for (size_t i = 0; i < config->disks; i++)
		if (!config->disk[i].path || !*config->disk[i].path)
			abort();
	for (size_t i = 0; i < config->flashes; i++)
		if (!config->flash[i].path || !*config->flash[i].path)
			abort();
	if (arm64_check_config(config, &err) < 0 && !err.input)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[WORDS] = { (char[]){ "run" } };
	const int argc = split(data, size, argv);
	struct config config;
	struct err err = { 0 };
	const int r = config_parse(&config, argc, argv, &err);

	if (r == 0) {
		check(&config);
		config_finish(&config);
	} else if (r < 0 && (err.code != r || !err.input || !err.msg[0])) {
		abort();
	}
	for (int i = 1; i < argc; i++)
		free(argv[i]);
	return 0;
}
