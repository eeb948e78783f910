/* tests/kvm/mips/spin.S - a guest that never leaves the CPU. */
	.section .text.start, "ax"
	.globl	_start
_start:
	b	_start
	.section .note.GNU-stack, "", @progbits
