/*
 * tests/boot/flat.S - a program without any header: says where it runs and
 * whether x0 is a device tree, and powers off.
 *
 * "flat 0000000080080000 dtb" is what it says when it is loaded as a kernel.
 */
#define UART 0x01000000
#define PSCI_SYSTEM_OFF 0x84000008

	.text
	.globl _start
_start:
	mov	x19, x0
	mov	x20, UART
	adr	x21, name
text:	ldrb	w0, [x21], 1
	cbz	w0, place
	strb	w0, [x20]
	b	text

place:	adr	x21, _start
	mov	x22, 60
digit:	lsr	x0, x21, x22
	and	w0, w0, 15
	cmp	w0, 10
	add	w1, w0, '0'
	add	w2, w0, 'a' - 10
	csel	w0, w1, w2, lo
	strb	w0, [x20]
	subs	x22, x22, 4
	b.ge	digit

	/* The magic number of a tree is stored big-endian. */
	ldr	w0, [x19]
	ldr	w1, =0xedfe0dd0
	cmp	w0, w1
	b.ne	off
	adr	x21, dtb
tree:	ldrb	w0, [x21], 1
	cbz	w0, off
	strb	w0, [x20]
	b	tree

off:	mov	w0, '\n'
	strb	w0, [x20]
	ldr	x0, =PSCI_SYSTEM_OFF
	hvc	0
	b	.

	.ltorg
name:	.asciz "flat "
dtb:	.asciz " dtb"
