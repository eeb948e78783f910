/* tests/kvm/arm64/odd_insns.S - accesses without an instruction syndrome. */

	.arch_extension lse

/* One instruction that is given the address in x0; 1 to 3 are free. */
.macro insn name, words:vararg
	.globl	\name
	.balign	16
\name:
	\words
	ret
.endm

	insn	load_pair, ldp x1, x2, [x0]
	insn	store_pair, stp x1, x2, [x0]
	insn	load_post, ldr w1, [x0], #4
	insn	store_post, str w1, [x0], #4
	insn	load_vector, ldr q0, [x0]
	insn	store_vector, str q0, [x0]
	insn	load_lse_add, ldadd w1, w2, [x0]
	insn	clean_line, dc cvac, x0
	insn	clean_invalidate_line, dc civac, x0
	insn	prefetch, prfm pldl1keep, [x0]

	.globl	load_pre
load_pre:
	sub	x0, x0, #4
	ldr	w1, [x0, #4]!
	ret

	.globl	store_pre
store_pre:
	sub	x0, x0, #4
	str	w1, [x0, #4]!
	ret
