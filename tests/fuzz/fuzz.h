/*
 * tests/fuzz/fuzz.h - what a fuzz target defines.
 *
 * A target is a file fuzz_NAME.c, and a line in meson.build. What it must never
 * see happen, it ends with abort(). Inputs to start from, if the target profits
 * from any, are files in seeds/fuzz_NAME/.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Tries one input. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
