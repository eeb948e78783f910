/* tests/kvm/arm64/rom_image.S - a ROM: code, a number, a pattern. */
#include "tests/kvm/arm64/rom_image.h"

	.globl _start
_start:
	mov	x0, #ROM_ANSWER
	ret
	.balign	ROM_MAGIC_AT
	.quad	ROM_MAGIC
	.balign	ROM_WORDS_AT
	.set	word, ROM_PATTERN
	.rept	ROM_WORDS
	.word	word
	.set	word, word + 1
	.endr
	.byte	0xff
