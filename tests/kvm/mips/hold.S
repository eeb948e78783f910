/* tests/kvm/mips/hold.S - keeps registers full for a while, and looks. */
	.set	noreorder
	.set	noat

/* Registers that hold the seed and their own number, one after other. */
	.macro	for_held op
	\op	$at, 1
	\op	$v1, 3
	\op	$a2, 6
	\op	$a3, 7
	\op	$t0, 8
	\op	$t1, 9
	\op	$t2, 10
	\op	$t3, 11
	\op	$t4, 12
	\op	$t5, 13
	\op	$t6, 14
	\op	$t7, 15
	\op	$s0, 16
	\op	$s1, 17
	\op	$s2, 18
	\op	$s3, 19
	\op	$s4, 20
	\op	$s5, 21
	\op	$s6, 22
	\op	$s7, 23
	\op	$t8, 24
	\op	$gp, 28
	\op	$fp, 30
	\op	$ra, 31
	.endm

	.macro	fill reg, n
	addiu	\reg, $a0, \n
	.endm

/* Any bit that differs ends in v0. */
	.macro	look reg, n
	addiu	$t9, $a0, \n
	xor	$t9, $t9, \reg
	or	$v0, $v0, $t9
	.endm

	.text
	.globl	hold_general
/* uint32_t hold_general(uint32_t seed, uint32_t turns): 0 if all kept. */
hold_general:
	addiu	$sp, $sp, -56
	sw	$s0, 16($sp)
	sw	$s1, 20($sp)
	sw	$s2, 24($sp)
	sw	$s3, 28($sp)
	sw	$s4, 32($sp)
	sw	$s5, 36($sp)
	sw	$s6, 40($sp)
	sw	$s7, 44($sp)
	sw	$fp, 48($sp)
	sw	$ra, 52($sp)
	mthi	$a0
	mtlo	$a1
	for_held fill
	move	$t9, $a1
1:	bnez	$t9, 1b
	addiu	$t9, $t9, -1
	move	$v0, $zero
	for_held look
	mfhi	$t9
	xor	$t9, $t9, $a0
	or	$v0, $v0, $t9
	mflo	$t9
	xor	$t9, $t9, $a1
	or	$v0, $v0, $t9
	lw	$s0, 16($sp)
	lw	$s1, 20($sp)
	lw	$s2, 24($sp)
	lw	$s3, 28($sp)
	lw	$s4, 32($sp)
	lw	$s5, 36($sp)
	lw	$s6, 40($sp)
	lw	$s7, 44($sp)
	lw	$fp, 48($sp)
	lw	$ra, 52($sp)
	jr	$ra
	addiu	$sp, $sp, 56

	.set	hardfloat
	.globl	hold_float
/* The same for the FPU's registers, which Status has enabled. */
hold_float:
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	addiu	$t0, $a0, \n
	mtc1	$t0, $f\n
	.endr
	move	$t9, $a1
1:	bnez	$t9, 1b
	addiu	$t9, $t9, -1
	move	$v0, $zero
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	addiu	$t0, $a0, \n
	mfc1	$t1, $f\n
	xor	$t0, $t0, $t1
	or	$v0, $v0, $t0
	.endr
	jr	$ra
	nop

	.section .note.GNU-stack, "", @progbits
