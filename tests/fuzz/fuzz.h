/*
 * tests/fuzz/fuzz.h - what a fuzz target defines.
 *
 * A target is a file fuzz_NAME.c, and a line in meson.build. What it must never
 * see happen, it ends with abort(). Inputs to start from, if the target profits
 * from any, are files in seeds/fuzz_NAME/.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What is left of an input that is a list of steps. */
struct fuzz_input {
	const uint8_t *p;
	size_t left;
};

/* Takes the next @len bytes. False at the end: *buf is left alone. */
static inline bool fuzz_take(struct fuzz_input *in, void *buf, size_t len)
{
	if (in->left < len)
		return false;
	memcpy(buf, in->p, len);
	in->p += len;
	in->left -= len;
	return true;
}

/* Tries one input. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
