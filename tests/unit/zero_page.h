/* tests/unit/zero_page.h - what this kernel gives to whom only reads. */
#ifndef TESTS_UNIT_ZERO_PAGE_H
#define TESTS_UNIT_ZERO_PAGE_H

#include <stdbool.h>

/*
 * True if pages of anonymous memory that are read before they are written are
 * one page of zeroes. There are kernels that give each of them a page of its
 * own. A process that may not know is told true, as it is of Linux itself.
 */
bool reads_give_zero_page(void);

#endif
