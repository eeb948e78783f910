/* tests/kvm/arm64/rom_image.h - what is where in the test's ROM. */
#ifndef TESTS_KVM_ARM64_ROM_IMAGE_H
#define TESTS_KVM_ARM64_ROM_IMAGE_H

/* At 0: code that returns this. */
#define ROM_ANSWER 0x1234
#define ROM_MAGIC_AT 16
#define ROM_MAGIC 0x0123456789abcdef
#define ROM_WORDS_AT 32
#define ROM_PATTERN 0x80000000 /* the first word; each is one more */
#define ROM_WORDS 1500
#define ROM_SIZE (ROM_WORDS_AT + 4 * ROM_WORDS + 1) /* no whole page */

#endif
