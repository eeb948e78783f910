/* tests/kvm/mips/wait.S - a guest that sleeps, and that nothing wakes. */
	.section .text.start, "ax"
	.globl	_start
_start:
	wait
	b	_start
	.section .note.GNU-stack, "", @progbits
