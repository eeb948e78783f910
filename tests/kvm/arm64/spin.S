/* tests/kvm/arm64/spin.S - a guest that never exits by itself. */
	.section .text.start, "ax"
	.globl	_start
_start:
	b	.
