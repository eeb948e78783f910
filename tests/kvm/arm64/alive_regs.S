/* tests/kvm/arm64/alive_regs.S - keeps all registers full while time passes. */

	.arch	armv8.2-a+fp+simd+sve

/* Callee-saved registers, and a pair of scratch ones. */
.macro enter
	stp	x29, x30, [sp, #-96]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
.endm

.macro leave
	ldp	x27, x28, [sp, #80]
	ldp	x25, x26, [sp, #64]
	ldp	x23, x24, [sp, #48]
	ldp	x21, x22, [sp, #32]
	ldp	x19, x20, [sp, #16]
	ldp	x29, x30, [sp], #96
.endm

/*
 * uint64_t hold_general(uint64_t seed, uint64_t turns): returns 0 if x2 to x28
 * and v0 to v31 kept for so long what was put there.
 */
	.globl	hold_general
hold_general:
	enter
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	add	x29, x0, #(100 + \n)
	dup	v\n\().2d, x29
	.endr
	.irp	n, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28
	add	x\n, x0, #\n
	.endr
1:	subs	x1, x1, #1
	b.ne	1b
	mov	x30, #0
	.irp	n, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28
	add	x29, x0, #\n
	eor	x29, x29, x\n
	orr	x30, x30, x29
	.endr
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	add	x28, x0, #(100 + \n)
	umov	x29, v\n\().d[0]
	eor	x29, x29, x28
	orr	x30, x30, x29
	umov	x29, v\n\().d[1]
	eor	x29, x29, x28
	orr	x30, x30, x29
	.endr
	mov	x0, x30
	leave
	ret

/* The same for z0 to z30, p1 to p6 and the first fault register. */
	.globl	hold_sve
hold_sve:
	enter
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
	add	x29, x0, #(200 + \n)
	dup	z\n\().d, x29
	.endr
	.irp	n, 1,2,3,4,5,6
	ptrue	p\n\().b, vl\n
	.endr
	wrffr	p5.b
1:	subs	x1, x1, #1
	b.ne	1b
	mov	x30, #0
	ptrue	p7.b
	.irp	n, 1,2,3,4,5,6
	cntp	x28, p7, p\n\().b
	mov	x29, #\n
	eor	x28, x28, x29
	orr	x30, x30, x28
	.endr
	rdffr	p14.b
	cntp	x28, p7, p14.b
	mov	x29, #5
	eor	x28, x28, x29
	orr	x30, x30, x28
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
	add	x28, x0, #(200 + \n)
	dup	z31.d, x28
	cmpne	p14.d, p7/z, z\n\().d, z31.d
	cntp	x28, p7, p14.d
	orr	x30, x30, x28
	.endr
	mov	x0, x30
	leave
	ret
