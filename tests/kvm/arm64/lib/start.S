/* tests/kvm/arm64/lib/start.S - a bare guest's first and last instructions. */

#include "tests/kvm/arm64/lib/layout.h"

/* A register's address of a symbol, wherever the image is. */
.macro adr_far reg, symbol
	adrp	\reg, \symbol
	add	\reg, \reg, :lo12:\symbol
.endm

	.section .text.start, "ax"

/* The VMM begins here: x0 is the device tree. Keeps the state for the tests. */
	.globl	_start
_start:
	adr_far	x9, boot
	stp	x0, x1, [x9]
	stp	x2, x3, [x9, #16]
	mrs	x10, sctlr_el1
	mrs	x11, daif
	stp	x10, x11, [x9, #32]
	mrs	x10, CurrentEL
	adr	x11, _start
	stp	x10, x11, [x9, #48]
	mov	x19, #0
	bl	set_up
	bl	mmu_map_all

	/* The tables and this stack were written past the caches. What a cache
	 * still holds of the image is older. */
	adr_far	x0, _start
	adr_far	x1, _end
1:	dc	ivac, x0
	add	x0, x0, #64
	cmp	x0, x1
	b.lo	1b
	dsb	sy
	b	run

/* CPU_ON begins here: x0 is the CPU's number. */
	.globl	secondary_start
secondary_start:
	mov	x19, x0
	bl	set_up
run:
	adr_far	x0, mmu_l0
	bl	mmu_on
	mov	x0, x19
	b	cpu_main

/* Gives CPU number x19 its stack, its vectors and its floating point. */
set_up:
	adr_far	x0, stacks
	add	x1, x19, #1
	add	x0, x0, x1, lsl #STACK_SHIFT
	mov	sp, x0
	adr_far	x0, vectors
	msr	vbar_el1, x0
	mov	x0, #(3 << 20)		/* CPACR_EL1.FPEN */
	msr	cpacr_el1, x0
	isb
	ret

/* void mmu_on(const void *table): touches no memory. */
	.globl	mmu_on
mmu_on:
	mov	x1, #0xff00		/* 0: Device-nGnRnE, 1: Normal, cached */
	msr	mair_el1, x1
	mrs	x1, id_aa64mmfr0_el1
	and	x1, x1, #7		/* PARange; 52 bits need other tables */
	mov	x2, #5
	cmp	x1, x2
	csel	x1, x1, x2, lo
	lsl	x1, x1, #32		/* IPS */
	mov	x2, #0x3510		/* T0SZ 16; walks cached, inner shared */
	orr	x1, x1, x2
	orr	x1, x1, #(1 << 23)	/* EPD1 */
	msr	tcr_el1, x1
	msr	ttbr0_el1, x0
	isb
	tlbi	vmalle1
	dsb	nsh
	isb
	mrs	x1, sctlr_el1
	mov	x2, #0x1005		/* I, C, M */
	orr	x1, x1, x2
	msr	sctlr_el1, x1
	isb
	ret

/* void mmu_off(void): caches off, too. The image was written by then. */
	.globl	mmu_off
mmu_off:
	mrs	x1, sctlr_el1
	mov	x2, #0x1005
	bic	x1, x1, x2
	msr	sctlr_el1, x1
	isb
	ret

/* uint64_t smccc(uint64_t function, uint64_t a, uint64_t b, uint64_t c) */
	.globl	smccc
smccc:
	hvc	#0
	ret

/* void call(uint64_t address): a branch that may not come back by itself. */
	.globl	call
call:
	stp	x29, x30, [sp, #-16]!
	blr	x0
	ldp	x29, x30, [sp], #16
	ret

.macro vector kind
	.balign	128
	sub	sp, sp, #FRAME_SIZE
	stp	x0, x1, [sp]
	mov	x1, #\kind
	b	exception_entry
.endm

	.balign	2048
vectors:
	.set	number, 0
	.rept	16
	vector	number
	.set	number, number + 1
	.endr

exception_entry:
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x19, [sp, #144]
	stp	x20, x21, [sp, #160]
	stp	x22, x23, [sp, #176]
	stp	x24, x25, [sp, #192]
	stp	x26, x27, [sp, #208]
	stp	x28, x29, [sp, #224]
	mrs	x2, elr_el1
	stp	x30, x2, [sp, #240]
	mrs	x2, spsr_el1
	str	x2, [sp, #256]
	mov	x0, sp
	bl	exception
	ldr	x2, [sp, #256]
	msr	spsr_el1, x2
	ldp	x30, x2, [sp, #240]
	msr	elr_el1, x2
	ldp	x28, x29, [sp, #224]
	ldp	x26, x27, [sp, #208]
	ldp	x24, x25, [sp, #192]
	ldp	x22, x23, [sp, #176]
	ldp	x20, x21, [sp, #160]
	ldp	x18, x19, [sp, #144]
	ldp	x16, x17, [sp, #128]
	ldp	x14, x15, [sp, #112]
	ldp	x12, x13, [sp, #96]
	ldp	x10, x11, [sp, #80]
	ldp	x8, x9, [sp, #64]
	ldp	x6, x7, [sp, #48]
	ldp	x4, x5, [sp, #32]
	ldp	x2, x3, [sp, #16]
	ldp	x0, x1, [sp]
	add	sp, sp, #FRAME_SIZE
	eret

	.section .bss.stacks, "aw", %nobits
	.balign	4096
stacks:
	.space	MAX_CPUS << STACK_SHIFT
