/* tests/unit/test_devices.c - devices/devices.c. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "devices/devices.h"
#include "tests/unit/test.h"

/* A device that is on no bus. */
struct probe {
	struct device dev;
	int resets;
	bool quiet;
	int destroyed; /* 0: no; else the how manieth of all */
	int *clock;
};

static struct probe *probe_inside(struct device *dev)
{
	assert_int_equal(pthread_mutex_trylock(dev->lock), EBUSY);
	return container_of(dev, struct probe, dev);
}

static void probe_reset(struct device *dev)
{
	probe_inside(dev)->resets++;
}

static void probe_pause(struct device *dev)
{
	probe_inside(dev)->quiet = true;
}

static void probe_resume(struct device *dev)
{
	probe_inside(dev)->quiet = false;
}

static void probe_destroy(struct device *dev)
{
	struct probe *p = container_of(dev, struct probe, dev);

	p->destroyed = ++*p->clock;
	device_finish(dev);
}

static const struct device_ops busy_ops = {
	.name = "busy",
	.reset = probe_reset,
	.save = device_save_nothing,
	.load = device_load_nothing,
	.pause = probe_pause,
	.resume = probe_resume,
	.destroy = probe_destroy,
};

/* It does nothing by itself. */
static const struct device_ops idle_ops = {
	.name = "idle",
	.reset = probe_reset,
	.save = device_save_nothing,
	.load = device_load_nothing,
	.destroy = probe_destroy,
};

static int add_probe(struct devices *devices, struct probe *p,
		     const struct device_ops *ops, int *clock)
{
	*p = (struct probe){ .clock = clock };
	device_init(&p->dev, ops);
	return devices_add(devices, &p->dev, &(struct err){ 0 });
}

static void reset__reaches_every_device_under_its_lock(void **state)
{
	struct devices devices = { 0 };
	struct probe a, b;
	int clock = 0;

	(void)state;
	devices_reset(&devices); /* nothing there, nothing happens */
	assert_int_equal(add_probe(&devices, &a, &busy_ops, &clock), 0);
	assert_int_equal(add_probe(&devices, &b, &idle_ops, &clock), 0);
	devices_reset(&devices);
	devices_reset(&devices);
	assert_int_equal(a.resets, 2);
	assert_int_equal(b.resets, 2);
	assert_int_equal(pthread_mutex_trylock(a.dev.lock), 0);
	assert_int_equal(pthread_mutex_unlock(a.dev.lock), 0);
	devices_finish(&devices);
}

static void pause__reaches_every_device_and_resume_too(void **state)
{
	struct devices devices = { 0 };
	struct probe a, b, c;
	int clock = 0;

	(void)state;
	assert_int_equal(add_probe(&devices, &a, &busy_ops, &clock), 0);
	assert_int_equal(add_probe(&devices, &b, &idle_ops, &clock), 0);
	assert_int_equal(add_probe(&devices, &c, &busy_ops, &clock), 0);
	devices_pause(&devices);
	assert_true(a.quiet && c.quiet);
	devices_resume(&devices);
	assert_false(a.quiet || c.quiet);
	devices_finish(&devices);
}

static void finish__destroys_the_last_added_first(void **state)
{
	struct devices devices = { 0 };
	struct probe a, b;
	int clock = 0;

	(void)state;
	assert_int_equal(add_probe(&devices, &a, &busy_ops, &clock), 0);
	assert_int_equal(add_probe(&devices, &b, &idle_ops, &clock), 0);
	devices_finish(&devices);
	assert_int_equal(b.destroyed, 1);
	assert_int_equal(a.destroyed, 2);
	devices_finish(&devices); /* twice is fine */
	assert_int_equal(clock, 2);
}

static void add__one_too_many_is_destroyed(void **state)
{
	static struct probe p[DEVICES_MAX + 1];
	struct devices devices = { 0 };
	int clock = 0;

	(void)state;
	for (size_t i = 0; i <= DEVICES_MAX; i++)
		assert_int_equal(add_probe(&devices, &p[i], &idle_ops, &clock),
				 i < DEVICES_MAX ? 0 : -ENOSPC);
	assert_int_equal(clock, 1);
	assert_int_equal(p[DEVICES_MAX].destroyed, 1);
	devices_finish(&devices);
	assert_int_equal(clock, DEVICES_MAX + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reset__reaches_every_device_under_its_lock),
		cmocka_unit_test(pause__reaches_every_device_and_resume_too),
		cmocka_unit_test(finish__destroys_the_last_added_first),
		cmocka_unit_test(add__one_too_many_is_destroyed),
	};

	return RUN_TESTS(tests);
}
