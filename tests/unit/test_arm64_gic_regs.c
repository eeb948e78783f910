/* tests/unit/test_arm64_gic_regs.c - arch/arm64/gic_regs.c. */
#include "arch/arm64/gic_regs.h"
#include "tests/unit/test.h"

#define MOST 8192
#define SGI 0x10000 /* the redistributor's second frame */
#define GICD_CTLR 0x0
#define GICD_IIDR 0x8
#define GICR_CTLR 0x0

struct list {
	struct gic_reg reg[MOST];
	unsigned count;
};

static struct list walk(enum arm64_irqchip kind, enum gic_part part,
			unsigned irqs, unsigned aprs)
{
	struct gic_walk walk = {
		.kind = kind, .part = part, .irqs = irqs, .aprs = aprs
	};
	struct list list = { .count = 0 };

	while (gic_regs_next(&walk, &list.reg[list.count]))
		assert_true(++list.count < MOST);
	assert_false(gic_regs_next(&walk, &list.reg[MOST - 1]));
	return list;
}

/* Where in the walk a register is; fails if it is not there just once. */
static unsigned place(const struct list *list, enum gic_file file, uint32_t at)
{
	unsigned found = 0, place = 0;

	for (unsigned i = 0; i < list->count; i++) {
		if (list->reg[i].file != file || list->reg[i].at != at)
			continue;
		found++;
		place = i;
	}
	assert_int_equal(found, 1);
	return place;
}

static unsigned count_file(const struct list *list, enum gic_file file)
{
	unsigned count = 0;

	for (unsigned i = 0; i < list->count; i++)
		count += list->reg[i].file == file;
	return count;
}

static const struct {
	enum arm64_irqchip kind;
	enum gic_part part;
} walks[] = {
	{ ARM64_GIC_V2, GIC_SHARED },	     { ARM64_GIC_V2, GIC_PRIVATE },
	{ ARM64_GIC_V3, GIC_SHARED },	     { ARM64_GIC_V3, GIC_PRIVATE },
	{ ARM64_GIC_V3_ITS, GIC_SHARED },    { ARM64_GIC_V3_ITS, GIC_PRIVATE },
	{ ARM64_GIC_V3_ITS, GIC_ITS_FIRST }, { ARM64_GIC_V3_ITS, GIC_ITS_LAST },
};

#define WALKS (sizeof(walks) / sizeof(walks[0]))

static void next__gives_no_register_twice(void **unused)
{
	(void)unused;
	for (size_t w = 0; w < WALKS; w++) {
		const struct list list = walk(walks[w].kind, walks[w].part, 96,
					      4);

		assert_true(list.count > 0);
		for (unsigned i = 0; i < list.count; i++)
			(void)place(&list, list.reg[i].file, list.reg[i].at);
	}
}

static void next__gives_each_file_its_size(void **unused)
{
	(void)unused;
	for (size_t w = 0; w < WALKS; w++) {
		const struct list list = walk(walks[w].kind, walks[w].part, 64,
					      1);

		for (unsigned i = 0; i < list.count; i++) {
			const enum gic_file file = list.reg[i].file;
			const bool wide = file == GIC_SYSREG || file == GIC_ITS;

			assert_int_equal(list.reg[i].size, wide ? 8 : 4);
		}
	}
}

static void
next__turns_the_distributor_on_before_all_but_its_kind(void **unused)
{
	(void)unused;
	for (size_t w = 0; w < WALKS; w++) {
		const struct list list = walk(walks[w].kind, walks[w].part, 64,
					      1);

		if (walks[w].part != GIC_SHARED)
			continue;
		assert_int_equal(place(&list, GIC_DIST, GICD_IIDR), 0);
		assert_int_equal(place(&list, GIC_DIST, GICD_CTLR), 1);
	}
}

/* The clearing register of a pair comes first, and is not saved. */
static void check_pair(const struct list *list, enum gic_file file,
		       uint32_t clear, uint32_t set)
{
	const unsigned i = place(list, file, clear);
	const unsigned j = place(list, file, set);

	assert_true(i < j);
	assert_true(list->reg[i].clears);
	assert_false(list->reg[j].clears);
}

static void next__clears_before_it_sets(void **unused)
{
	struct list list = walk(ARM64_GIC_V2, GIC_SHARED, 96, 0);

	(void)unused;
	check_pair(&list, GIC_DIST, 0x184, 0x104); /* enable */
	check_pair(&list, GIC_DIST, 0x188, 0x108);
	check_pair(&list, GIC_DIST, 0x384, 0x304); /* active */
	list = walk(ARM64_GIC_V2, GIC_PRIVATE, 96, 0);
	check_pair(&list, GIC_DIST, 0x180, 0x100);
	for (uint32_t i = 0; i < 16; i += 4) /* who sent an SGI */
		check_pair(&list, GIC_DIST, 0xf10 + i, 0xf20 + i);
	assert_true(place(&list, GIC_DIST, 0x200) <
		    place(&list, GIC_DIST, 0xf10));
	list = walk(ARM64_GIC_V3, GIC_SHARED, 96, 1);
	check_pair(&list, GIC_DIST, 0x188, 0x108);
	list = walk(ARM64_GIC_V3, GIC_PRIVATE, 96, 1);
	check_pair(&list, GIC_REDIST, SGI + 0x180, SGI + 0x100);
	check_pair(&list, GIC_REDIST, SGI + 0x380, SGI + 0x300);
}

static void next__knows_edge_from_level_before_what_is_pending(void **unused)
{
	struct list list = walk(ARM64_GIC_V3, GIC_SHARED, 64, 1);

	(void)unused;
	assert_true(place(&list, GIC_DIST, 0xc08) <
		    place(&list, GIC_LEVEL, 32));
	assert_true(place(&list, GIC_LEVEL, 32) <
		    place(&list, GIC_DIST, 0x204));
	/* And to whom it goes. */
	assert_true(place(&list, GIC_DIST, 0x6100) <
		    place(&list, GIC_DIST, 0x204));
	list = walk(ARM64_GIC_V2, GIC_SHARED, 64, 0);
	assert_true(place(&list, GIC_DIST, 0x820) <
		    place(&list, GIC_DIST, 0x204));
}

static void next__places_lpi_tables_before_it_enables_them(void **unused)
{
	const struct list list = walk(ARM64_GIC_V3_ITS, GIC_PRIVATE, 64, 1);
	const unsigned enable = place(&list, GIC_REDIST, GICR_CTLR);

	(void)unused;
	for (uint32_t at = 0x70; at < 0x80; at += 4)
		assert_true(place(&list, GIC_REDIST, at) < enable);
}

static void next__orders_the_its_as_kvm_wants_it(void **unused)
{
	const struct list first = walk(ARM64_GIC_V3_ITS, GIC_ITS_FIRST, 64, 1);
	const struct list last = walk(ARM64_GIC_V3_ITS, GIC_ITS_LAST, 64, 1);

	(void)unused;
	assert_int_equal(place(&first, GIC_ITS, 0x4), 0); /* IIDR */
	assert_true(place(&first, GIC_ITS, 0x80) <
		    place(&first, GIC_ITS, 0x90)); /* CBASER, CREADR */
	(void)place(&first, GIC_ITS, 0x88);
	(void)place(&first, GIC_ITS, 0x138); /* BASER7 */
	assert_int_equal(last.count, 1);
	assert_int_equal(last.reg[0].at, 0); /* CTLR */
}

static void next__has_all_interrupts_of_a_gic_of_any_size(void **unused)
{
	(void)unused;
	for (unsigned irqs = 64; irqs <= 1024; irqs += 32) {
		const struct list list = walk(ARM64_GIC_V3, GIC_SHARED, irqs,
					      1);
		const unsigned shared = irqs - 32;

		assert_int_equal(count_file(&list, GIC_LEVEL), shared / 32);
		(void)place(&list, GIC_DIST, 0x6100);
		(void)place(&list, GIC_DIST, 0x6000 + irqs * 8 - 4);
		(void)place(&list, GIC_DIST, 0x400 + irqs - 4);
		(void)place(&list, GIC_DIST, 0x100 + irqs / 8 - 4);
		/* 6 of one bit, and of 64, 8 and 2 bits; two of no interrupt */
		assert_int_equal(count_file(&list, GIC_DIST),
				 shared / 32 * (6 + 64 + 8 + 2) + 2);
	}
}

static void next__gives_a_cpu_its_own_interrupts_alone(void **unused)
{
	const struct list v3 = walk(ARM64_GIC_V3, GIC_PRIVATE, 1024, 1);
	const struct list v2 = walk(ARM64_GIC_V2, GIC_PRIVATE, 1024, 0);

	(void)unused;
	assert_int_equal(count_file(&v3, GIC_DIST), 0);
	assert_int_equal(count_file(&v3, GIC_LEVEL), 1);
	(void)place(&v3, GIC_LEVEL, 0);
	(void)place(&v3, GIC_REDIST, SGI + 0x41c);
	assert_int_equal(count_file(&v2, GIC_LEVEL), 0);
	(void)place(&v2, GIC_DIST, 0x41c);
	for (unsigned i = 0; i < v2.count; i++)
		assert_false(v2.reg[i].file == GIC_DIST &&
			     (v2.reg[i].at == 0x420 || v2.reg[i].at == 0x204));
}

static void next__has_as_many_priority_registers_as_there_are(void **unused)
{
	(void)unused;
	for (unsigned aprs = 1; aprs <= 4; aprs++) {
		const struct list list = walk(ARM64_GIC_V3, GIC_PRIVATE, 64,
					      aprs);

		assert_int_equal(count_file(&list, GIC_SYSREG), 7 + 2 * aprs);
		(void)place(&list, GIC_SYSREG, 0xc644 + aprs - 1); /* AP0Rn */
		(void)place(&list, GIC_SYSREG, 0xc648 + aprs - 1); /* AP1Rn */
		(void)place(&list, GIC_SYSREG, 0xc666); /* IGRPEN0 */
		(void)place(&list, GIC_SYSREG, 0xc667); /* IGRPEN1 */
	}
}

static void aprs__follow_from_the_bits_of_a_priority(void **unused)
{
	(void)unused;
	assert_int_equal(gic_aprs(3 << 8), 1);
	assert_int_equal(gic_aprs(4 << 8), 1);
	assert_int_equal(gic_aprs(5 << 8), 2);
	assert_int_equal(gic_aprs(6 << 8), 4);
	assert_int_equal(gic_aprs(UINT64_MAX), 4);
	assert_int_equal(gic_aprs(~(uint64_t)0x700), 1);
}

static void id__tells_files_apart(void **unused)
{
	const struct gic_reg dist = { .file = GIC_DIST, .at = 0x104 };
	const struct gic_reg sys = { .file = GIC_SYSREG, .at = 0xc664 };

	(void)unused;
	assert_int_equal(gic_reg_id(&dist), 0x100000104);
	assert_int_equal(gic_reg_id(&sys), 0x40000c664);
	assert_int_equal(GIC_ICC_CTLR, 0xc664);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(next__gives_no_register_twice),
		cmocka_unit_test(next__gives_each_file_its_size),
		cmocka_unit_test(
			next__turns_the_distributor_on_before_all_but_its_kind),
		cmocka_unit_test(next__clears_before_it_sets),
		cmocka_unit_test(
			next__knows_edge_from_level_before_what_is_pending),
		cmocka_unit_test(
			next__places_lpi_tables_before_it_enables_them),
		cmocka_unit_test(next__orders_the_its_as_kvm_wants_it),
		cmocka_unit_test(next__has_all_interrupts_of_a_gic_of_any_size),
		cmocka_unit_test(next__gives_a_cpu_its_own_interrupts_alone),
		cmocka_unit_test(
			next__has_as_many_priority_registers_as_there_are),
		cmocka_unit_test(aprs__follow_from_the_bits_of_a_priority),
		cmocka_unit_test(id__tells_files_apart),
	};

	return RUN_TESTS(tests);
}
