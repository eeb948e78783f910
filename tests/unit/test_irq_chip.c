/* tests/unit/test_irq_chip.c - vmm/machine/irq_chip.c. */
#include <string.h>
#include <unistd.h>

#include "tests/unit/test.h"
#include "vmm/machine/irq_chip.h"

/* More than any machine has; a bus takes 64 devices. */
#define EDGES 200

/* What the VM was told last, and how often. */
struct fake_vm {
	unsigned calls, pin;
	bool level;
};

static void fake_set(void *ctx, unsigned pin, bool level)
{
	struct fake_vm *vm = ctx;

	*vm = (struct fake_vm){ vm->calls + 1, pin, level };
}

static uint64_t signals(const struct irq_chip *chip, size_t edge)
{
	uint64_t n = 0;

	if (read(chip->edge[edge].fd, &n, sizeof(n)) < 0)
		return 0;
	return n;
}

static void edge__lines_are_as_many_as_devices_want(void **state)
{
	struct irq_chip chip = { 0 };
	struct irq_line line[EDGES];
	struct err err;

	(void)state;
	for (unsigned i = 0; i < EDGES; i++)
		assert_int_equal(irq_edge_line(&chip, 1000 + i, &line[i], &err),
				 0);
	assert_int_equal(chip.edges, EDGES);
	/* The first line is good after the array has moved. */
	irq_set(&line[0], true);
	irq_set(&line[0], true);
	irq_set(&line[0], false);
	irq_set(&line[EDGES - 1], true);
	assert_int_equal(chip.edge[EDGES - 1].pin, 1000 + EDGES - 1);
	assert_int_equal(signals(&chip, 0), 2);
	assert_int_equal(signals(&chip, 1), 0);
	assert_int_equal(signals(&chip, EDGES - 1), 1);
	irq_finish(&chip);
}

static void forget__takes_what_no_vm_was_told(void **state)
{
	struct irq_chip chip = { 0 };
	struct irq_line line;
	struct err err;

	(void)state;
	assert_int_equal(irq_edge_line(&chip, 7, &line, &err), 0);
	irq_set(&line, true);
	irq_forget(&chip);
	assert_int_equal(signals(&chip, 0), 0);
	irq_finish(&chip);
}

static void level__of_a_connected_vm_is_set(void **state)
{
	struct irq_chip chip = { 0 };
	const struct irq_line line = irq_level_line(&chip, 5);
	struct fake_vm vm = { 0 };

	(void)state;
	irq_chip_connect(&chip, fake_set, &vm);
	assert_int_equal(vm.calls, 0);
	irq_set(&line, true);
	assert_int_equal(vm.pin, 5);
	assert_true(vm.level);
	irq_set(&line, false);
	assert_int_equal(vm.calls, 2);
	assert_false(vm.level);
	irq_finish(&chip);
}

static void level__that_is_high_is_told_to_the_next_vm(void **state)
{
	struct irq_chip chip = { 0 };
	const struct irq_line first = irq_level_line(&chip, 0);
	const struct irq_line last = irq_level_line(&chip, IRQ_MAX_PIN - 1);
	struct fake_vm old = { 0 }, vm = { 0 };

	(void)state;
	irq_chip_connect(&chip, fake_set, &old);
	irq_set(&first, true);
	irq_chip_disconnect(&chip);
	irq_set(&last, true);
	assert_int_equal(old.calls, 1);
	assert_true(irq_is_high(&chip, IRQ_MAX_PIN - 1));
	assert_false(irq_is_high(&chip, IRQ_MAX_PIN));
	irq_chip_connect(&chip, fake_set, &vm);
	assert_int_equal(vm.calls, 2);
	assert_int_equal(vm.pin, IRQ_MAX_PIN - 1);
	assert_true(vm.level);
	irq_finish(&chip);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edge__lines_are_as_many_as_devices_want),
		cmocka_unit_test(forget__takes_what_no_vm_was_told),
		cmocka_unit_test(level__of_a_connected_vm_is_set),
		cmocka_unit_test(level__that_is_high_is_told_to_the_next_vm),
	};

	return RUN_TESTS(tests);
}
