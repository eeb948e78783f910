/* devices/cfi_flash.c - a parallel NOR flash that describes itself (CFI). */
#include "devices/cfi_flash.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/state_field.h"

#define CHIPS (CFI_FLASH_BANK_WIDTH / CFI_FLASH_DEVICE_WIDTH)

/* What a read returns. */
enum mode { ARRAY, STATUS, ID, QUERY };

/* The meaning of the next write. */
enum step {
	COMMAND,
	WORD, /* what to program, and where */
	COUNT, /* how many words follow, less one */
	FILL, /* one of them */
	PROGRAM, /* the word that has them programmed */
	ERASE, /* the word that has a block erased */
	LOCK, /* what becomes of a block's lock */
};

/* The command codes that the code below names. */
enum {
	CMD_LOCK = 0x01,
	CMD_SET_CONFIG = 0x03,
	CMD_CLEAR_STATUS = 0x50,
	CMD_READ_ARRAY = 0xff,
	CMD_CONFIRM = 0xd0,
};

/* The status register. */
enum {
	SR_LOCKED = 1 << 1,
	SR_PROGRAM = 1 << 4,
	SR_ERASE = 1 << 5,
	SR_SEQUENCE = SR_PROGRAM | SR_ERASE,
	SR_READY = 1 << 7,
};

/* The codes that begin a command: what reads give then, and what comes next. */
static const struct {
	uint8_t code;
	enum mode mode;
	enum step next;
} commands[] = {
	{ CMD_READ_ARRAY, ARRAY, COMMAND },
	{ 0x70, STATUS, COMMAND }, /* read status */
	{ 0x90, ID, COMMAND },
	{ 0x98, QUERY, COMMAND },
	{ 0x40, STATUS, WORD },
	{ 0x10, STATUS, WORD }, /* the older code */
	{ 0xe8, STATUS, COUNT },
	{ 0x20, STATUS, ERASE },
	{ 0x60, STATUS, LOCK },
	{ 0xb0, STATUS, COMMAND }, /* suspend */
};

/* Where the table's variable parts are. */
enum { QUERY_SIZE = 0x27, QUERY_BLOCKS = 0x2d };

/* log2 of a chip's share of the buffer, in bytes. */
#define BUFFER_SHIFT 6
_Static_assert(CHIPS << BUFFER_SHIFT == FLASH_PROGRAM_MAX, "buffer");

/* A chip's share of a block, in units of 256 bytes. */
#define CHIP_BLOCK (FLASH_BLOCK / CHIPS / 256)

// clang-format off
/*
 * The identification of each chip. Source: JESD68.01; Intel 306666-001,
 * appendix C.
 */
static const uint8_t query_table[] = {
	/* Identity: the command set, and where that has its own table. */
	[0x10] = 'Q', 'R', 'Y', 0x01, 0x00, 0x31, 0x00,
	/* Interface: Vcc 1.7 to 2.0 V, no Vpp; log2 of the typical times of a
	 * word and a buffer in us, of a block in ms; of the longest, in such.
	 */
	[0x1b] = 0x17, 0x20, 0x00, 0x00, 8, 9, 10, 0, 1, 1, 2, 0,
	/* Geometry: log2 of the size; 16 bits wide; log2 of the buffer; one
	 * kind of block: their number less one, their size. */
	[QUERY_SIZE] = 0, 0x01, 0x00, BUFFER_SHIFT, 0, 1,
	[QUERY_BLOCKS] = 0, 0, CHIP_BLOCK & 0xff, CHIP_BLOCK >> 8,
	/* The command set's: version 1.0; blocks are locked at once, nothing
	 * is suspended; lock bits can be read; Vcc 1.8 V, no Vpp; no
	 * protection registers. */
	[0x31] = 'P', 'R', 'I', '1', '0', 0x20, 0, 0, 0, 0, 0x01, 0x00,
	0x18, 0x00, 0,
};
// clang-format on

struct cfi_flash {
	struct device dev;
	struct flash_image *image; /* borrowed */
	struct rom_view rom;
	enum mode mode;
	enum step step;
	uint8_t status;
	struct log_limit odd;
	uint64_t start; /* PROGRAM: of what is programmed; FILL: once begun */
	unsigned count; /* of its bytes */
	unsigned left; /* FILL: of those, still to come */
	uint8_t buffer[FLASH_PROGRAM_MAX];
	bool locked[]; /* by block */
};

static void set_flash_mode(struct cfi_flash *f, enum mode mode)
{
	const bool was = f->mode == ARRAY;
	const bool is = mode == ARRAY;

	f->mode = mode;
	if (is)
		(void)flash_image_sync(f->image);
	if (is != was)
		f->rom.set(f->rom.ctx, is);
}

/* Ends a command of several writes. @status: what went wrong; or 0 */
static void end_flash_command(struct cfi_flash *f, unsigned status)
{
	f->status |= (uint8_t)status;
	f->step = COMMAND;
}

static void break_off(struct cfi_flash *f, uint32_t val)
{
	log_guest(&f->odd, "flash: 0x%" PRIx32 " does not continue a command",
		  val);
	end_flash_command(f, SR_SEQUENCE);
}

/* @failed: what the status says if the host did not do all of it */
static void end_write(struct cfi_flash *f, struct range at, bool done,
		      unsigned failed)
{
	f->rom.wrote(f->rom.ctx, at);
	end_flash_command(f, done ? 0 : failed);
}

static void program_flash(struct cfi_flash *f, uint64_t at, const uint8_t *bits,
			  unsigned len)
{
	if (f->image->ro || f->locked[at / FLASH_BLOCK] ||
	    f->locked[(at + len - 1) / FLASH_BLOCK]) {
		end_flash_command(f, SR_PROGRAM | SR_LOCKED);
		return;
	}
	end_write(f, (struct range){ at, len },
		  flash_image_program(f->image, at, bits, len) == 0,
		  SR_PROGRAM);
}

static void erase_flash_block(struct cfi_flash *f, uint64_t at)
{
	const struct range block = { at - at % FLASH_BLOCK, FLASH_BLOCK };

	if (f->image->ro || f->locked[at / FLASH_BLOCK]) {
		end_flash_command(f, SR_ERASE | SR_LOCKED);
		return;
	}
	end_write(f, block, flash_image_erase(f->image, block.start) == 0,
		  SR_ERASE);
}

static void begin_flash_command(struct cfi_flash *f, uint8_t code)
{
	if (code == CMD_CLEAR_STATUS)
		f->status = SR_READY;
	if (code == CMD_CLEAR_STATUS || code == CMD_CONFIRM)
		return;
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (commands[i].code != code)
			continue;
		f->step = commands[i].next;
		set_flash_mode(f, commands[i].mode);
		return;
	}
	log_guest(&f->odd, "flash: no command begins with 0x%x", code);
	set_flash_mode(f, ARRAY);
}

static void set_buffer_count(struct cfi_flash *f, uint32_t val)
{
	const unsigned words = (uint16_t)val + 1u;

	if (words > FLASH_PROGRAM_MAX / CFI_FLASH_BANK_WIDTH) {
		break_off(f, val);
		return;
	}
	f->count = words * CFI_FLASH_BANK_WIDTH;
	f->left = f->count;
	memset(f->buffer, 0xff, sizeof(f->buffer));
	f->step = FILL;
}

static void fill_write_buffer(struct cfi_flash *f, uint64_t at, unsigned size,
			      uint32_t val)
{
	/* The first one says where the buffer is to go. */
	if (f->left == f->count)
		f->start = at;
	if (f->count > f->image->size - f->start || size > f->left ||
	    at - f->start > f->count - size) {
		break_off(f, val);
		return;
	}
	for (unsigned i = 0; i < size; i++)
		f->buffer[at - f->start + i] = (uint8_t)(val >> 8 * i);
	f->left -= size;
	if (f->left == 0)
		f->step = PROGRAM;
}

static void set_lock(struct cfi_flash *f, uint64_t at, uint8_t code)
{
	if (code == CMD_LOCK || code == CMD_CONFIRM)
		f->locked[at / FLASH_BLOCK] = code == CMD_LOCK;
	else if (code != CMD_SET_CONFIG) {
		break_off(f, code);
		return;
	}
	end_flash_command(f, 0);
}

/* One write as the bus has it: @size is 1, 2 or 4. */
static void flash_write_cycle(struct cfi_flash *f, uint64_t at, unsigned size,
			      uint32_t val)
{
	const uint8_t code = (uint8_t)val;
	uint8_t bits[CFI_FLASH_BANK_WIDTH];

	switch (f->step) {
	case COMMAND:
		begin_flash_command(f, code);
		return;
	case WORD:
		store_le32(bits, val);
		program_flash(f, at, bits, size);
		return;
	case COUNT:
		set_buffer_count(f, val);
		return;
	case FILL:
		fill_write_buffer(f, at, size, val);
		return;
	case PROGRAM:
		if (code == CMD_CONFIRM)
			program_flash(f, f->start, f->buffer, f->count);
		else
			break_off(f, val);
		return;
	case ERASE:
		if (code == CMD_CONFIRM)
			erase_flash_block(f, at);
		else
			break_off(f, val);
		return;
	case LOCK:
		set_lock(f, at, code);
	}
}

static void cfi_flash_write(struct device *dev, uint64_t offset, unsigned size,
			    uint64_t val)
{
	struct cfi_flash *f = container_of(dev, struct cfi_flash, dev);

	flash_write_cycle(f, offset, size < 4 ? size : 4, (uint32_t)val);
	if (size == 8)
		flash_write_cycle(f, offset + 4, 4, (uint32_t)(val >> 32));
}

/* A maker, a device, and the lock of the block that is read. */
static uint16_t read_flash_id(const struct cfi_flash *f, uint64_t at)
{
	enum { MAKER, DEVICE, BLOCK_LOCK };

	switch (at % FLASH_BLOCK / CFI_FLASH_BANK_WIDTH) {
	case BLOCK_LOCK:
		return f->locked[at / FLASH_BLOCK];
	case MAKER:
	case DEVICE:
	default:
		return 0;
	}
}

static uint16_t read_flash_query(const struct cfi_flash *f, uint64_t at)
{
	const uint64_t index = at / CFI_FLASH_BANK_WIDTH;
	const uint64_t last = f->image->size / FLASH_BLOCK - 1;

	switch (index) {
	case QUERY_SIZE:
		return (uint16_t)__builtin_ctzll(f->image->size / CHIPS);
	case QUERY_BLOCKS:
		return (uint8_t)last;
	case QUERY_BLOCKS + 1:
		return (uint8_t)(last >> 8);
	default:
		return index < sizeof(query_table) ? query_table[index] : 0;
	}
}

/* A word on the bus: both chips return the same. @at: a multiple of 4 */
static uint32_t read_flash_word(const struct cfi_flash *f, uint64_t at)
{
	uint16_t val = f->status;

	if (f->mode == ID)
		val = read_flash_id(f, at);
	else if (f->mode == QUERY)
		val = read_flash_query(f, at);
	return val * 0x10001u;
}

static uint64_t cfi_flash_read(struct device *dev, uint64_t offset,
			       unsigned size)
{
	struct cfi_flash *f = container_of(dev, struct cfi_flash, dev);
	const uint64_t at = offset & ~UINT64_C(3);
	uint8_t bytes[8] = { 0 };

	if (f->mode == ARRAY) {
		/* Between two modes, or on a host that cannot switch. */
		if (flash_image_read(f->image, offset, bytes, size) < 0)
			memset(bytes, 0xff, size);
		return load_le64(bytes);
	}
	store_le32(bytes, read_flash_word(f, at) >> 8 * (offset - at));
	if (size == 8)
		store_le32(bytes + 4, read_flash_word(f, at + 4));
	return load_le64(bytes) & UINT64_MAX >> (64 - 8 * size);
}

static void cfi_flash_reset(struct device *dev)
{
	struct cfi_flash *f = container_of(dev, struct cfi_flash, dev);

	end_flash_command(f, 0);
	f->status = SR_READY;
	memset(f->locked, 0,
	       (size_t)(f->image->size / FLASH_BLOCK) * sizeof(bool));
	set_flash_mode(f, ARRAY);
}

static void cfi_flash_pause(struct device *dev)
{
	struct cfi_flash *f = container_of(dev, struct cfi_flash, dev);

	(void)flash_image_sync(f->image);
}

static void cfi_flash_destroy(struct device *dev)
{
	struct cfi_flash *f = container_of(dev, struct cfi_flash, dev);

	(void)flash_image_sync(f->image);
	device_finish(dev);
	free(f);
}

static const struct state_field cfi_flash_fields[] = {
	STATE_FIELD(1, struct cfi_flash, mode, QUERY),
	STATE_FIELD(2, struct cfi_flash, step, LOCK),
	STATE_FIELD(3, struct cfi_flash, status, UINT8_MAX),
	STATE_FIELD(4, struct cfi_flash, start, UINT64_MAX),
	STATE_FIELD(5, struct cfi_flash, count, FLASH_PROGRAM_MAX),
	STATE_FIELD(6, struct cfi_flash, left, FLASH_PROGRAM_MAX),
	STATE_BYTES(7, struct cfi_flash, buffer),
};

enum { STATE_LOCKED = 8 }; /* a byte for each block, 0 or 1 */

static size_t flash_blocks(const struct cfi_flash *f)
{
	return (size_t)(f->image->size / FLASH_BLOCK);
}

static void cfi_flash_save(struct device *dev, struct state *state)
{
	struct cfi_flash *f = container_of(dev, struct cfi_flash, dev);

	state_put_fields(state, f, cfi_flash_fields,
			 STATE_COUNT(cfi_flash_fields));
	for (size_t i = 0; i < flash_blocks(f); i++)
		state_put_int(state, STATE_LOCKED + i, f->locked[i], 1);
}

/* A program that is under way ends in the image. */
static int check_program(const struct cfi_flash *f, struct err *err)
{
	const bool begun = f->step == FILL || f->step == PROGRAM;

	if (f->left > f->count || (begun && f->count == 0) ||
	    (f->step == PROGRAM && f->left > 0) ||
	    (begun && f->left < f->count &&
	     (f->start > f->image->size ||
	      f->count > f->image->size - f->start)))
		return err_input(err, -EBADMSG,
				 "flash: invalid program in progress");
	return 0;
}

static int cfi_flash_load(struct device *dev, struct state_records *from,
			  struct err *err)
{
	struct cfi_flash *f = container_of(dev, struct cfi_flash, dev);
	enum mode mode;
	int r = state_get_fields(from, f, cfi_flash_fields,
				 STATE_COUNT(cfi_flash_fields), err);

	for (size_t i = 0; r == 0 && i < flash_blocks(f); i++) {
		uint64_t locked = 0;

		r = state_get(from, STATE_LOCKED + i, 1, &locked, err);
		f->locked[i] = locked != 0;
	}
	/* The caller's view of the chip is still that of a new one. */
	mode = f->mode;
	f->mode = ARRAY;
	if (r == 0)
		r = check_program(f, err);
	if (r == 0)
		set_flash_mode(f, mode);
	return r;
}

static const struct device_ops cfi_flash_ops = {
	.name = "flash",
	.sizes = 1 | 2 | 4 | 8,
	DEVICE_OPS(cfi_flash),
	.pause = cfi_flash_pause,
};

struct device *cfi_flash_new(struct flash_image *image, struct rom_view rom)
{
	const size_t blocks = (size_t)(image->size / FLASH_BLOCK);
	struct cfi_flash *f = calloc(1, sizeof(*f) + blocks * sizeof(bool));

	if (!f)
		return NULL;
	device_init(&f->dev, &cfi_flash_ops);
	f->image = image;
	f->rom = rom;
	f->status = SR_READY;
	return &f->dev;
}
