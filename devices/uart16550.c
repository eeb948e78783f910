/* devices/uart16550.c - the serial port of PCs: a National 16550A. */
#include "devices/uart16550.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/state_field.h"

#define FIFO_SIZE 16

/*
 * Reads of an idle line status, with no write between them, after which the
 * guest is waiting for input. A driver that only sends reads it once or twice
 * before each write. Reads of other registers do not count: EDK2 reads the
 * modem status and control before each line status.
 */
#define POLLS_LISTENING 16

enum { /* registers: table II; RBR to DLM share two addresses */
       REG_DATA = 0, /* RBR, THR, DLL */
       REG_IER = 1, /* and DLM */
       REG_IIR = 2, /* and FCR */
       REG_LCR = 3,
       REG_MCR = 4,
       REG_LSR = 5,
       REG_MSR = 6,
       REG_SCR = 7,
};

enum { /* 8.7 */
       IER_RX = 0x01,
       IER_THRE = 0x02,
       IER_LINE = 0x04,
       IER_MODEM = 0x08,
       IER_ALL = 0x0f,
};

enum { /* 8.6, in order of falling priority */
       IIR_LINE = 0x06,
       IIR_RX = 0x04,
       IIR_TIMEOUT = 0x0c,
       IIR_THRE = 0x02,
       IIR_MODEM = 0x00,
       IIR_NONE = 0x01,
       IIR_FIFOS = 0xc0,
};

enum { /* 8.5 */
       FCR_ENABLE = 0x01,
       FCR_RESET_RX = 0x02,
       FCR_RESET_TX = 0x04,
       FCR_TRIGGER = 0xc0,
};

enum { /* 8.1 */
       LCR_BREAK = 0x40,
       LCR_DLAB = 0x80,
};

enum { /* 8.8 */
       MCR_DTR = 0x01,
       MCR_RTS = 0x02,
       MCR_OUT1 = 0x04,
       MCR_OUT2 = 0x08,
       MCR_LOOP = 0x10,
       MCR_ALL = 0x1f,
};

enum { /* 8.4 */
       LSR_DR = 0x01,
       LSR_OE = 0x02,
       LSR_BI = 0x10,
       LSR_THRE = 0x20,
       LSR_TEMT = 0x40,
       LSR_FIFO_ERR = 0x80,
};

enum { /* 8.9 */
       MSR_DCTS = 0x01,
       MSR_DDSR = 0x02,
       MSR_TERI = 0x04,
       MSR_DDCD = 0x08,
       MSR_CTS = 0x10,
       MSR_DSR = 0x20,
       MSR_RI = 0x40,
       MSR_DCD = 0x80,
       MSR_LINES = 0xf0,
};

/* All that the guest can change. */
struct regs {
	unsigned ier, lcr, mcr, fcr, scr, divisor;
	unsigned msr; /* lines, and what changed since it was read */
	bool overrun;
	bool thre_irq; /* the transmitter became empty; not yet told */
	bool polled; /* the guest listens by polling */
	unsigned polls;
	struct {
		uint8_t byte[FIFO_SIZE];
		uint8_t brk[FIFO_SIZE]; /* this one is a break */
		unsigned head, count;
		unsigned seen; /* the first that many, the guest knows of */
	} rx;
	struct {
		uint8_t byte[FIFO_SIZE];
		unsigned count;
	} tx; /* what the terminal did not take yet */
};

struct uart16550 {
	struct device dev;
	struct tty_user user;
	struct tty *tty; /* borrowed; may be NULL */
	struct irq_line irq;
	unsigned reg_shift;
	bool level; /* of irq */
	bool starved; /* the tty waits for room */
	bool paused; /* nothing comes from outside */
	struct regs r;
};

static unsigned fifo_size(const struct regs *r)
{
	return r->fcr & FCR_ENABLE ? FIFO_SIZE : 1;
}

static bool brk_at_head(const struct regs *r)
{
	return r->rx.count > 0 && r->rx.brk[r->rx.head];
}

static bool rx_triggers(const struct regs *r)
{
	static const uint8_t level[] = { 1, 4, 8, 14 };

	return !(r->fcr & FCR_ENABLE) || r->rx.count >= level[r->fcr >> 6];
}

/* The interrupt that the identification register tells of. */
static unsigned irq_id(const struct regs *r)
{
	if ((r->ier & IER_LINE) && (r->overrun || brk_at_head(r)))
		return IIR_LINE;
	if ((r->ier & IER_RX) && r->rx.count > 0)
		return rx_triggers(r) ? IIR_RX : IIR_TIMEOUT;
	if ((r->ier & IER_THRE) && r->thre_irq)
		return IIR_THRE;
	if ((r->ier & IER_MODEM) && (r->msr & ~(unsigned)MSR_LINES))
		return IIR_MODEM;
	return IIR_NONE;
}

static void update_irq(struct uart16550 *u)
{
	const bool level = irq_id(&u->r) != IIR_NONE;

	if (level == u->level)
		return;
	u->level = level;
	irq_set(&u->irq, level);
}

/* How many bytes from outside there is room for. */
static unsigned receive_room(const struct regs *r)
{
	const bool listens = (r->mcr & MCR_RTS) || (r->ier & IER_RX) ||
			     r->polled;

	if (!listens || (r->mcr & MCR_LOOP) || r->rx.count >= fifo_size(r))
		return 0;
	return fifo_size(r) - r->rx.count;
}

/* Tells the tty once there is room. */
static void tell_room(struct uart16550 *u)
{
	if (!u->starved || u->paused || receive_room(&u->r) == 0)
		return;
	u->starved = false;
	tty_room(u->tty);
}

static void rx_push(struct regs *r, uint8_t byte, bool brk)
{
	unsigned at;

	if (r->rx.count >= fifo_size(r)) {
		r->overrun = true;
		if (r->fcr & FCR_ENABLE)
			return; /* 8.4: the FIFO keeps what it has */
		r->rx.count = r->rx.seen = 0; /* RBR is overwritten */
	}
	at = (r->rx.head + r->rx.count++) % FIFO_SIZE;
	r->rx.byte[at] = byte;
	r->rx.brk[at] = brk;
}

static void rx_drop(struct regs *r, unsigned n)
{
	r->rx.head = (r->rx.head + n) % FIFO_SIZE;
	r->rx.count -= n;
	r->rx.seen -= n < r->rx.seen ? n : r->rx.seen;
}

static unsigned read_uart_data(struct uart16550 *u)
{
	struct regs *r = &u->r;
	unsigned byte;

	if (r->rx.count == 0)
		return 0;
	byte = r->rx.byte[r->rx.head];
	rx_drop(r, 1);
	/* Not for each byte: it wakes the loop thread. */
	if (r->rx.count == 0)
		tell_room(u);
	return byte;
}

static void write_data(struct uart16550 *u, uint8_t byte)
{
	struct regs *r = &u->r;

	if (r->mcr & MCR_LOOP) {
		rx_push(r, byte, false);
		r->rx.seen = r->rx.count;
		r->thre_irq = true;
		return;
	}
	if (r->tx.count == 0 && (!u->tty || tty_write(u->tty, &byte, 1) == 1)) {
		r->thre_irq = true;
		return;
	}
	r->thre_irq = false;
	if (r->tx.count < fifo_size(r))
		r->tx.byte[r->tx.count++] = byte;
}

static unsigned read_iir(struct regs *r)
{
	const unsigned id = irq_id(r);

	if (id == IIR_THRE)
		r->thre_irq = false; /* 8.6: told, so done with */
	if (id == IIR_RX || id == IIR_TIMEOUT)
		r->rx.seen = r->rx.count;
	return id | (r->fcr & FCR_ENABLE ? IIR_FIFOS : 0);
}

static void write_ier(struct uart16550 *u, unsigned val)
{
	struct regs *r = &u->r;

	/* Enabling it when there is nothing to send interrupts at once. */
	if ((val & ~r->ier & IER_THRE) && r->tx.count == 0)
		r->thre_irq = true;
	r->ier = val & IER_ALL;
	tell_room(u);
}

static void write_fcr(struct uart16550 *u, unsigned val)
{
	struct regs *r = &u->r;
	const bool on = val & FCR_ENABLE;
	const bool change = on != (bool)(r->fcr & FCR_ENABLE);

	r->fcr = on ? val & (FCR_ENABLE | FCR_TRIGGER) : 0;
	if (change || (on && (val & FCR_RESET_RX)))
		rx_drop(r, r->rx.seen);
	if (r->tx.count > 0 && (change || (on && (val & FCR_RESET_TX)))) {
		r->tx.count = 0;
		r->thre_irq = true;
	}
	tell_room(u);
}

static unsigned uart_lines(const struct regs *r)
{
	if (!(r->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (r->mcr & MCR_RTS ? MSR_CTS : 0u) |
	       (r->mcr & MCR_DTR ? MSR_DSR : 0u) |
	       (r->mcr & MCR_OUT1 ? MSR_RI : 0u) |
	       (r->mcr & MCR_OUT2 ? MSR_DCD : 0u);
}

static void write_mcr(struct uart16550 *u, unsigned val)
{
	struct regs *r = &u->r;
	unsigned now, changed;

	r->mcr = val & MCR_ALL;
	now = uart_lines(r);
	changed = (now ^ r->msr) & MSR_LINES;
	if (now & MSR_RI)
		changed &= ~(unsigned)MSR_RI; /* only its trailing edge */
	r->msr = now | (r->msr & ~(unsigned)MSR_LINES) | changed >> 4;
	tell_room(u);
}

static void write_lcr(struct regs *r, unsigned val)
{
	if ((val & ~r->lcr & LCR_BREAK) && (r->mcr & MCR_LOOP)) {
		rx_push(r, 0, true);
		r->rx.seen = r->rx.count;
	}
	r->lcr = val;
}

static unsigned read_lsr(struct uart16550 *u)
{
	struct regs *r = &u->r;
	unsigned lsr = r->tx.count == 0 ? LSR_THRE | LSR_TEMT : 0;

	if (r->rx.count > 0)
		lsr |= LSR_DR;
	else if (lsr && !r->polled && ++r->polls == POLLS_LISTENING) {
		r->polled = true;
		tell_room(u);
	}
	if (r->overrun)
		lsr |= LSR_OE;
	for (unsigned i = 0; (r->fcr & FCR_ENABLE) && i < r->rx.count; i++)
		if (r->rx.brk[(r->rx.head + i) % FIFO_SIZE])
			lsr |= LSR_FIFO_ERR;
	if (brk_at_head(r)) {
		lsr |= LSR_BI;
		r->rx.brk[r->rx.head] = false;
	}
	r->overrun = false;
	r->rx.seen = r->rx.count;
	return lsr;
}

static unsigned read_msr(struct regs *r)
{
	const unsigned msr = r->msr;

	r->msr &= MSR_LINES;
	return msr;
}

static unsigned read_reg(struct uart16550 *u, unsigned reg)
{
	struct regs *r = &u->r;
	const bool dlab = r->lcr & LCR_DLAB;

	switch (reg) {
	case REG_DATA:
		return dlab ? r->divisor & 0xff : read_uart_data(u);
	case REG_IER:
		return dlab ? r->divisor >> 8 : r->ier;
	case REG_IIR:
		return read_iir(r);
	case REG_LCR:
		return r->lcr;
	case REG_MCR:
		return r->mcr;
	case REG_LSR:
		return read_lsr(u);
	case REG_MSR:
		return read_msr(r);
	case REG_SCR:
		return r->scr;
	default:
		return 0xff;
	}
}

static void write_reg(struct uart16550 *u, unsigned reg, unsigned val)
{
	struct regs *r = &u->r;
	const bool dlab = r->lcr & LCR_DLAB;

	r->polls = 0;
	switch (reg) {
	case REG_DATA:
		if (dlab)
			r->divisor = (r->divisor & 0xff00) | val;
		else
			write_data(u, (uint8_t)val);
		break;
	case REG_IER:
		if (dlab)
			r->divisor = (r->divisor & 0xff) | val << 8;
		else
			write_ier(u, val);
		break;
	case REG_IIR:
		write_fcr(u, val);
		break;
	case REG_LCR:
		write_lcr(r, val);
		break;
	case REG_MCR:
		write_mcr(u, val);
		break;
	case REG_SCR:
		r->scr = val;
		break;
	default: /* LSR and MSR: 8.4, 8.9: for reading only */
		break;
	}
}

/* Between two registers, with reg_shift, there is nothing. */
static bool is_reg(const struct uart16550 *u, uint64_t offset)
{
	return (offset & ((1u << u->reg_shift) - 1)) == 0;
}

static uint64_t uart_read(struct device *dev, uint64_t offset, unsigned size)
{
	struct uart16550 *u = container_of(dev, struct uart16550, dev);
	unsigned val;

	(void)size;
	if (!is_reg(u, offset))
		return 0xff;
	val = read_reg(u, (unsigned)(offset >> u->reg_shift));
	update_irq(u);
	return val;
}

static void uart_write(struct device *dev, uint64_t offset, unsigned size,
		       uint64_t val)
{
	struct uart16550 *u = container_of(dev, struct uart16550, dev);

	(void)size;
	if (!is_reg(u, offset))
		return;
	write_reg(u, (unsigned)(offset >> u->reg_shift), (uint8_t)val);
	update_irq(u);
}

static size_t uart_room(struct tty_user *user)
{
	struct uart16550 *u = container_of(user, struct uart16550, user);
	const size_t n = u->paused ? 0 : receive_room(&u->r);

	u->starved = n == 0;
	return n;
}

static void uart_input(struct tty_user *user, const uint8_t *buf, size_t len)
{
	struct uart16550 *u = container_of(user, struct uart16550, user);

	for (size_t i = 0; i < len; i++)
		rx_push(&u->r, buf[i], false);
	update_irq(u);
}

static void uart_brk(struct tty_user *user)
{
	struct uart16550 *u = container_of(user, struct uart16550, user);

	if (u->paused || (u->r.mcr & MCR_LOOP))
		return;
	rx_push(&u->r, 0, true);
	update_irq(u);
}

static void uart_drained(struct tty_user *user)
{
	struct uart16550 *u = container_of(user, struct uart16550, user);
	struct regs *r = &u->r;
	size_t n;

	if (u->paused || r->tx.count == 0)
		return;
	n = tty_write(u->tty, r->tx.byte, r->tx.count);
	r->tx.count -= (unsigned)n;
	memmove(r->tx.byte, r->tx.byte + n, r->tx.count);
	r->thre_irq = r->tx.count == 0;
	update_irq(u);
}

static void uart_reset(struct device *dev)
{
	struct uart16550 *u = container_of(dev, struct uart16550, dev);

	/* Table I. It is not said what the divisor becomes. */
	u->r = (struct regs){ .msr = MSR_CTS | MSR_DSR | MSR_DCD };
	u->paused = false;
	update_irq(u);
}

static void uart_pause(struct device *dev)
{
	container_of(dev, struct uart16550, dev)->paused = true;
}

static void uart_resume(struct device *dev)
{
	struct uart16550 *u = container_of(dev, struct uart16550, dev);

	u->paused = false;
	uart_drained(&u->user);
	tell_room(u);
}

static void uart_destroy(struct device *dev)
{
	struct uart16550 *u = container_of(dev, struct uart16550, dev);

	if (u->tty)
		tty_attach(u->tty, NULL);
	device_finish(dev);
	free(u);
}

#define UART_FIELD(id, member, max) \
	STATE_FIELD((id), struct uart16550, r.member, (max))

/* Bytes that the terminal holds are the host's, and are not saved. */
static const struct state_field uart_fields[] = {
	UART_FIELD(1, ier, UINT8_MAX),
	UART_FIELD(2, lcr, UINT8_MAX),
	UART_FIELD(3, mcr, MCR_ALL),
	UART_FIELD(4, fcr, UINT8_MAX),
	UART_FIELD(5, scr, UINT8_MAX),
	UART_FIELD(6, divisor, UINT16_MAX),
	UART_FIELD(7, msr, UINT8_MAX),
	UART_FIELD(8, overrun, 1),
	UART_FIELD(9, thre_irq, 1),
	UART_FIELD(10, polled, 1),
	UART_FIELD(11, polls, UINT32_MAX),
	STATE_BYTES(12, struct uart16550, r.rx.byte),
	STATE_BYTES(13, struct uart16550, r.rx.brk),
	UART_FIELD(14, rx.head, FIFO_SIZE - 1),
	UART_FIELD(15, rx.count, FIFO_SIZE),
	UART_FIELD(16, rx.seen, FIFO_SIZE),
	STATE_BYTES(17, struct uart16550, r.tx.byte),
	UART_FIELD(18, tx.count, FIFO_SIZE),
};

static void uart_save(struct device *dev, struct state *state)
{
	state_put_fields(state, container_of(dev, struct uart16550, dev),
			 uart_fields, STATE_COUNT(uart_fields));
}

static int uart_load(struct device *dev, struct state_records *from,
		     struct err *err)
{
	struct uart16550 *u = container_of(dev, struct uart16550, dev);
	int r = state_get_fields(from, u, uart_fields, STATE_COUNT(uart_fields),
				 err);

	if (r == 0 && u->r.rx.seen > u->r.rx.count)
		r = err_input(err, -EBADMSG,
			      "serial: more bytes are known than are there");
	if (r == 0)
		update_irq(u);
	return r;
}

static const struct device_ops uart_ops = {
	.name = "serial",
	.sizes = 1,
	DEVICE_OPS(uart),
	.pause = uart_pause,
	.resume = uart_resume,
};

struct device *uart16550_new(struct tty *tty, struct irq_line irq,
			     unsigned reg_shift)
{
	struct uart16550 *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	device_init(&u->dev, &uart_ops);
	u->user = (struct tty_user){
		.lock = u->dev.lock,
		.room = uart_room,
		.input = uart_input,
		.brk = uart_brk,
		.drained = uart_drained,
	};
	u->irq = irq;
	u->reg_shift = reg_shift;
	u->tty = tty;
	uart_reset(&u->dev);
	if (tty)
		tty_attach(tty, &u->user);
	return &u->dev;
}
