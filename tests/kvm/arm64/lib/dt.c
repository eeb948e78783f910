/* tests/kvm/arm64/lib/dt.c - finds things in the device tree. */
#include "tests/kvm/arm64/lib/dt.h"

#include "tests/kvm/arm64/lib/guest.h"

/* Source: Devicetree Specification 0.4, 5.2 and 5.4. */
enum { HEADER_MAGIC = 0, HEADER_STRUCT = 8, HEADER_STRINGS = 12 };
enum { BEGIN_NODE = 1, END_NODE = 2, PROP = 3, NOP = 4 };
#define MAGIC 0xd00dfeed

static uint32_t be32(uint64_t offset)
{
	const uint32_t *p = (const uint32_t *)(boot.x[0] + offset);

	return __builtin_bswap32(*p);
}

static const char *text(uint64_t offset)
{
	return (const char *)(boot.x[0] + offset);
}

static uint32_t aligned(uint32_t n)
{
	return (n + 3) & ~3u;
}

static uint32_t text_size(const char *s)
{
	uint32_t n = 1;

	while (*s++)
		n++;
	return n;
}

bool dt_next(struct dt_node *node)
{
	uint32_t at = node->at;

	if (at == 0) {
		CHECK_EQ(be32(HEADER_MAGIC), MAGIC);
		at = be32(HEADER_STRUCT);
	}
	for (;;) {
		const uint32_t token = be32(at);

		at += 4;
		if (token == BEGIN_NODE) {
			node->at = at + aligned(text_size(text(at)));
			return true;
		}
		if (token == PROP)
			at += 8 + aligned(be32(at));
		else if (token != END_NODE && token != NOP)
			return false;
	}
}

const void *dt_prop(const struct dt_node *node, const char *name, uint32_t *len)
{
	uint32_t at = node->at;

	for (;; at += 4) {
		const uint32_t token = be32(at);

		if (token == NOP)
			continue;
		if (token != PROP)
			return NULL;
		*len = be32(at + 4);
		if (text_equal(text(be32(HEADER_STRINGS) + be32(at + 8)), name))
			return text(at + 12);
		at += 8 + aligned(*len);
	}
}

bool dt_find(struct dt_node *node, const char *prop, const char *val)
{
	while (dt_next(node)) {
		uint32_t len = 0;
		const char *p = dt_prop(node, prop, &len);
		const char *end = p + len;

		for (; p && p < end; p += text_size(p))
			if (text_equal(p, val))
				return true;
	}
	return false;
}

uint32_t dt_cell(const struct dt_node *node, const char *name, unsigned i)
{
	uint32_t len = 0;
	const uint32_t *p = dt_prop(node, name, &len);

	CHECK(p && i < len / 4);
	return __builtin_bswap32(p[i]);
}

static uint64_t two_cells(const struct dt_node *node, unsigned i)
{
	return (uint64_t)dt_cell(node, "reg", i) << 32 |
	       dt_cell(node, "reg", i + 1);
}

uint64_t dt_address(const struct dt_node *node, unsigned i)
{
	return two_cells(node, i * 4);
}

uint64_t dt_size(const struct dt_node *node, unsigned i)
{
	return two_cells(node, i * 4 + 2);
}

unsigned dt_regs(const struct dt_node *node)
{
	uint32_t len = 0;

	CHECK(dt_prop(node, "reg", &len));
	return len / 16;
}

uint64_t dt_number(const struct dt_node *node, const char *name)
{
	uint32_t len = 0;

	CHECK(dt_prop(node, name, &len));
	if (len == 4)
		return dt_cell(node, name, 0);
	CHECK_EQ(len, 8);
	return (uint64_t)dt_cell(node, name, 0) << 32 | dt_cell(node, name, 1);
}

unsigned dt_intid(const struct dt_node *node, unsigned i)
{
	const uint32_t type = dt_cell(node, "interrupts", i * 3);
	const uint32_t number = dt_cell(node, "interrupts", i * 3 + 1);

	return number + (type == 0 ? 32 : 16);
}
