/* tests/kvm/mips/lost.S - a guest that jumps where there is no memory. */
	.section .text.start, "ax"
	.globl	_start
_start:
	li	$t0, 0x5e000000
	jr	$t0
	.section .note.GNU-stack, "", @progbits
