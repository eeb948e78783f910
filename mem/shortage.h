/*
 * mem/shortage.h - whether the host has memory for what is to be taken.
 *
 * Where memory is short, the kernel does not refuse a page: it kills a process.
 * So check before a large allocation.
 */
#ifndef MEM_SHORTAGE_H
#define MEM_SHORTAGE_H

#include <stdint.h>

#include "base/err.h"

/*
 * Judges whether there is so much, by what is available on the host and left
 * in the control groups that we are in.
 *
 * @word: the user's word that asked for it
 * @need: in bytes
 *
 * Returns 0, or -ENOMEM with @err saying what there is. Thread: any.
 */
int shortage_check(const char *word, uint64_t need, struct err *err);

/*
 * How much host memory a shared file of @size bytes takes when it is fully
 * populated: 0, as its pages belong to the page cache; on a tmpfs, the bytes
 * that have no pages yet. Thread: any.
 */
uint64_t shortage_of_file(int fd, uint64_t size);

#endif
