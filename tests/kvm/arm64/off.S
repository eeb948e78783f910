/* tests/kvm/arm64/off.S - a guest that turns its only CPU off. */
	.section .text.start, "ax"
	.globl	_start
_start:
	movz	w0, #0x8400, lsl #16	/* CPU_OFF */
	movk	w0, #2
	hvc	#0
	b	.
