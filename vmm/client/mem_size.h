/* vmm/client/mem_size.h - vmm mem --size. [pure] */
#ifndef VMM_CLIENT_MEM_SIZE_H
#define VMM_CLIENT_MEM_SIZE_H

#include <stdint.h>

#include "base/err.h"

struct client;

/* Parses the option's value, in bytes. Returns 0, -EINVAL or -ERANGE. */
int mem_size_parse(const char *value, uint64_t *ret, struct err *err);

/*
 * Asks the guest to have @size bytes of memory in all. It comes as near as it
 * can, and takes its time.
 *
 * Returns 0; what client_run() returns; -ENOTSUP if its memory does not grow;
 * -ERANGE or -EINVAL, a fault of the user's, if it cannot have this size.
 */
int mem_size_run(struct client *client, uint64_t size, struct err *err);

#endif
