/* tests/kvm/arm64/mmio_insns.S - one instruction each, by chosen registers. */

#define REGISTERS 31
#define ADDRESS 256		/* above the 31 results */
#define RESULTS 264
#define SAVED 272
#define FRAME 384

.macro function name
	.globl	\name
	.balign	16
\name:
.endm

.macro enter_all
	sub	sp, sp, #FRAME
	stp	x0, x1, [sp, #ADDRESS]
	stp	x18, x19, [sp, #SAVED]
	stp	x20, x21, [sp, #SAVED + 16]
	stp	x22, x23, [sp, #SAVED + 32]
	stp	x24, x25, [sp, #SAVED + 48]
	stp	x26, x27, [sp, #SAVED + 64]
	stp	x28, x29, [sp, #SAVED + 80]
	str	x30, [sp, #SAVED + 96]
.endm

.macro leave_all
	ldr	x1, [sp, #RESULTS]
	mov	x2, #0
1:	ldr	x3, [sp, x2, lsl #3]
	str	x3, [x1, x2, lsl #3]
	add	x2, x2, #1
	cmp	x2, #REGISTERS
	b.ne	1b
	ldr	x30, [sp, #SAVED + 96]
	ldp	x28, x29, [sp, #SAVED + 80]
	ldp	x26, x27, [sp, #SAVED + 64]
	ldp	x24, x25, [sp, #SAVED + 48]
	ldp	x22, x23, [sp, #SAVED + 32]
	ldp	x20, x21, [sp, #SAVED + 16]
	ldp	x18, x19, [sp, #SAVED]
	add	sp, sp, #FRAME
	ret
.endm

/* The upper bits must go to zero, so they are ones before. */
.macro load_by reg, base
	ldr	x\base, [sp, #ADDRESS]
	mov	x\reg, #-1
	ldrb	w\reg, [x\base]
	str	x\reg, [sp, #\reg * 8]
.endm

.macro store_by reg, base
	ldr	x\base, [sp, #ADDRESS]
	mov	x\reg, #(0xa0 + \reg)
	strb	w\reg, [x\base]
	ldrb	w\base, [x\base]
	str	x\base, [sp, #\reg * 8]
.endm

.macro by_all what
	\what	0, 1
	.irp	reg, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	\what	\reg, 0
	.endr
	.irp	reg, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
	\what	\reg, 0
	.endr
.endm

function load_by_all
	enter_all
	by_all	load_by
	leave_all

function store_by_all
	enter_all
	by_all	store_by
	leave_all

function load_to_zero
	ldrb	wzr, [x0]
	mov	x0, xzr
	ret

function store_by_zero
	strb	wzr, [x0]
	ldrb	w0, [x0]
	ret

.macro load name, insn, reg
function \name
	mov	x1, #-1
	\insn	\reg, [x0]
	mov	x0, x1
	ret
.endm

	load	loads64_8, ldrsb, x1
	load	loads64_16, ldrsh, x1
	load	loads64_32, ldrsw, x1
	load	loads32_8, ldrsb, w1
	load	loads32_16, ldrsh, w1
