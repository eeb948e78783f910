/* tests/fuzz/fuzz_folder.h - a folder in memory for a target that reads files.
 */
#ifndef TESTS_FUZZ_FUZZ_FOLDER_H
#define TESTS_FUZZ_FUZZ_FOLDER_H

#include <stddef.h>

/*
 * Makes a folder, which is removed with all its files when the program ends.
 * Returns a descriptor of it. Ends the program if there is none to be had.
 */
int fuzz_folder_make(void);

/* Makes a file in it anew: @size bytes, the first @len of them from @data. */
void fuzz_folder_put(int dir, const char *name, const void *data, size_t len,
		     size_t size);

/* Removes all files and folders in it, whatever their modes. */
void fuzz_folder_clear(int dir);

#endif
