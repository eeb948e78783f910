/* tests/unit/zero_page.h - what this kernel gives to whom only reads. */
#ifndef TESTS_UNIT_ZERO_PAGE_H
#define TESTS_UNIT_ZERO_PAGE_H

#include <stdbool.h>

/*
 * True if a page of anonymous memory that is read before it is written is one
 * of zeroes that all have. There are kernels that give each its own.
 */
bool reads_give_zero_page(void);

#endif
