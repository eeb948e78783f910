/*
 * tests/kvm/lib/bare.h - what bare guests of every architecture have.
 *
 * An address, and the widest value an instruction moves, is an unsigned long.
 */
#ifndef TESTS_KVM_LIB_BARE_H
#define TESTS_KVM_LIB_BARE_H

#include <stddef.h>
#include <stdint.h>

int main(void);

/* Console. */
void put(const char *text);
void put_hex(unsigned long val);

_Noreturn void fail(const char *file, unsigned line, const char *what,
		    unsigned long got, unsigned long want);

#define CHECK_EQ(got, want)                                               \
	do {                                                              \
		const unsigned long got_ = (unsigned long)(got);          \
		const unsigned long want_ = (unsigned long)(want);        \
                                                                          \
		if (got_ != want_)                                        \
			fail(__FILE_NAME__, __LINE__, #got, got_, want_); \
	} while (0)
#define CHECK(what) CHECK_EQ(!!(what), 1)

/* The compiler calls these two. */
void *memset(void *to, int c, size_t len);
void *memcpy(void *restrict to, const void *restrict from, size_t len);

/* The rest is the architecture's, in its own guest.c. */
void put_char(char c);
char get_char(void); /* waits */
_Noreturn void power_off(void);
unsigned cpu_index(void); /* of the CPU that asks */

/* One access of @size bytes, by one instruction that tells all about itself. */
unsigned long read_sized(unsigned long at, unsigned size);
void write_sized(unsigned long at, unsigned size, unsigned long val);

#endif
