/* tests/kvm/mips/lib/start.S - entry and exceptions of a bare MIPS guest. */
#include "tests/kvm/mips/lib/layout.h"

	.set	noreorder
	.set	noat

/* What comes first keeps what the VMM gave. */
	.section .text.start, "ax"
	.globl	_start
_start:
	la	$t0, boot
	sw	$a0, 0($t0)
	sw	$a1, 4($t0)
	sw	$a2, 8($t0)
	sw	$a3, 12($t0)
	la	$sp, stacks + STACK_SIZE - 32
	jal	start
	nop
1:	b	1b
	nop

/* A CPU started by the syscon; a0 is its number. */
	.globl	secondary_start
secondary_start:
	addiu	$t0, $a0, 1
	sll	$t0, $t0, STACK_SHIFT
	la	$sp, stacks - 32
	addu	$sp, $sp, $t0
	jal	secondary
	nop
1:	b	1b
	nop

/* Copied to the vectors: goes to the handler, which may be anywhere. */
	.globl	vector, vector_end
vector:
	la	$k0, handler
	jr	$k0
	nop
vector_end:

/* Saves what a C function may change, and HI and LO. */
handler:
	addiu	$sp, $sp, -FRAME_SIZE
	sw	$at, 16($sp)
	sw	$v0, 20($sp)
	sw	$v1, 24($sp)
	sw	$a0, 28($sp)
	sw	$a1, 32($sp)
	sw	$a2, 36($sp)
	sw	$a3, 40($sp)
	sw	$t0, 44($sp)
	sw	$t1, 48($sp)
	sw	$t2, 52($sp)
	sw	$t3, 56($sp)
	sw	$t4, 60($sp)
	sw	$t5, 64($sp)
	sw	$t6, 68($sp)
	sw	$t7, 72($sp)
	sw	$t8, 76($sp)
	sw	$t9, 80($sp)
	sw	$ra, 84($sp)
	mfhi	$t0
	mflo	$t1
	sw	$t0, 88($sp)
	sw	$t1, 92($sp)
	jal	exception
	nop
	lw	$t0, 88($sp)
	lw	$t1, 92($sp)
	mthi	$t0
	mtlo	$t1
	lw	$ra, 84($sp)
	lw	$t9, 80($sp)
	lw	$t8, 76($sp)
	lw	$t7, 72($sp)
	lw	$t6, 68($sp)
	lw	$t5, 64($sp)
	lw	$t4, 60($sp)
	lw	$t3, 56($sp)
	lw	$t2, 52($sp)
	lw	$t1, 48($sp)
	lw	$t0, 44($sp)
	lw	$a3, 40($sp)
	lw	$a2, 36($sp)
	lw	$a1, 32($sp)
	lw	$a0, 28($sp)
	lw	$v1, 24($sp)
	lw	$v0, 20($sp)
	lw	$at, 16($sp)
	addiu	$sp, $sp, FRAME_SIZE
	eret

	.section .note.GNU-stack, "", @progbits
