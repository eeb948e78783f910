/*
 * mem/shortage.h - whether the host has memory for what is to be taken.
 *
 * Where memory is short, the kernel does not refuse a page: it kills somebody.
 * So who is about to take much looks before.
 */
#ifndef MEM_SHORTAGE_H
#define MEM_SHORTAGE_H

#include <stdint.h>

#include "base/err.h"

/*
 * Judges whether there is so much, by what is available on the host and left
 * in the control groups that we are in.
 *
 * @word: of the user's, who asked for it
 * @need: in bytes
 *
 * Returns 0, or -ENOMEM with @err saying what there is. Thread: any.
 */
int shortage_check(const char *word, uint64_t need, struct err *err);

/*
 * What a shared file of @size bytes takes of the host's memory when all of it
 * is there: nothing, for its pages are the page cache's; but on a tmpfs, what
 * it has no pages for yet. Thread: any.
 */
uint64_t shortage_of_file(int fd, uint64_t size);

#endif
