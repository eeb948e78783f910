/* tests/kvm/arm64/wait.S - a guest that sleeps and has nothing to wake it. */
	.section .text.start, "ax"
	.globl	_start
_start:
	msr	daifset, #15
1:	wfi
	b	1b
