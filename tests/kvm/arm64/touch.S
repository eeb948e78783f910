/*
 * tests/kvm/arm64/touch.S - writes to each 4 KiB of 64 MiB, tells, and begins
 * anew: for tests/bench/dirty_kvm.c.
 */
	.section .text.start, "ax"
	.globl	_start
_start:
	mov	x1, #0
	mov	x5, #0x00f00000		// no device and no memory is here
again:
	add	x1, x1, #1
	mov	x2, #0x81000000
	mov	x3, #16384
1:	str	x1, [x2]
	add	x2, x2, #4096
	subs	x3, x3, #1
	b.ne	1b
	str	x1, [x5]
	b	again
