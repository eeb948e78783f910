/*
 * tests/fuzz/replay.c - runs a fuzz target without a fuzzer.
 *
 * Usage: fuzz_NAME [FILE | FOLDER]... Runs the target once for each file; with
 * none, for a fixed series of inputs that look random. So every compiler builds
 * the targets, and every test run executes them.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX (1 << 20)
#define ROUNDS 2000
#define RANDOM_MAX 512

static int replay(const char *path)
{
	_cleanup_(freep) uint8_t *data = NULL;
	struct err err = { 0 };
	size_t size = 0;

	if (file_read_all(path, INPUT_MAX, &data, &size, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		return -1;
	}
	(void)LLVMFuzzerTestOneInput(data, size);
	return 0;
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int replay_folder(const char *path)
{
	struct dirent **entry = NULL;
	const int n = scandir(path, &entry, visible, alphasort);
	char name[4096];
	int r = n < 0 ? -1 : 0;

	for (int i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "%s/%s", path,
			       entry[i]->d_name);
		if (r == 0)
			r = replay(name);
		free(entry[i]);
	}
	free(entry);
	return r;
}

static uint64_t next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* Three kinds of byte in turn: any, few different ones, mostly printable. */
static uint8_t byte(uint64_t *x, unsigned round)
{
	static const char few[] = "0123456789abcxyzKMGT=,,@-./ \0\x7f\xff";
	const uint64_t r = next(x) >> 8;

	switch (round % 3) {
	case 0:
		return (uint8_t)r;
	case 1:
		return (uint8_t)(r % 7 == 0 ? r >> 8 : r >> 8 & 3);
	default:
		return (uint8_t)few[r % (sizeof(few) - 1)];
	}
}

static void random_inputs(void)
{
	uint64_t x = 0x9e3779b97f4a7c15;

	for (unsigned round = 0; round < ROUNDS; round++) {
		const size_t size = (size_t)(next(&x) % (RANDOM_MAX + 1));
		/* On the heap and no longer than it is: ASan sees the end. */
		_cleanup_(freep) uint8_t *data = malloc(size);

		for (size_t i = 0; data && i < size; i++)
			data[i] = byte(&x, round);
		if (data || size == 0)
			(void)LLVMFuzzerTestOneInput(data, size);
	}
}

int main(int argc, char **argv)
{
	struct stat st;

	/* What a target prints is of no interest. */
	if (!freopen("/dev/null", "w", stdout))
		return 1;
	if (argc < 2)
		random_inputs();
	for (int i = 1; i < argc; i++) {
		const bool folder = stat(argv[i], &st) == 0 &&
				    S_ISDIR(st.st_mode);

		if ((folder ? replay_folder(argv[i]) : replay(argv[i])) < 0)
			return 1;
	}
	return 0;
}
