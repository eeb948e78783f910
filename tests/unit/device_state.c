/* tests/unit/device_state.c - a device's state, saved, altered and loaded. */
#include "tests/unit/device_state.h"

#include "tests/unit/test.h"

#define ARCH "test"

void device_state_take(struct device_state *ret, struct device *dev)
{
	struct err err = { 0 };

	*ret = (struct device_state){ 0 };
	state_begin(&ret->bytes, ARCH);
	state_section(&ret->bytes, 1, 0);
	dev->ops->save(dev, &ret->bytes);
	assert_int_equal(state_end(&ret->bytes, &err), 0);
}

void device_state_finish(struct device_state *state)
{
	state_finish(&state->bytes);
}

int device_state_give(const struct device_state *state, struct device *dev)
{
	struct state_records records;
	struct state_view view;
	struct err err = { 0 };
	int r = state_open(&view, state->bytes.data, state->bytes.size, ARCH,
			   &err);

	if (r == 0)
		r = state_find(&view, 1, 0, &records, &err);
	if (r == 0)
		r = dev->ops->load(dev, &records, &err);
	if (r == 0)
		r = state_records_end(&records, &err);
	/* A failure tells its story. */
	if (r < 0)
		assert_true(err.msg[0] != '\0');
	return r;
}

void device_state_copy(struct device *from, struct device *to)
{
	struct device_state state;

	device_state_take(&state, from);
	assert_int_equal(device_state_give(&state, to), 0);
	device_state_finish(&state);
}

void device_state_replace(struct device *from, struct device *to)
{
	struct device_state state;

	if (from->ops->pause)
		from->ops->pause(from);
	device_state_take(&state, from);
	from->ops->destroy(from);
	if (to->ops->pause)
		to->ops->pause(to);
	assert_int_equal(device_state_give(&state, to), 0);
	if (to->ops->resume)
		to->ops->resume(to);
	device_state_finish(&state);
}

void device_state_damage(const struct device_state *state, struct device *dev,
			 uint8_t byte, void (*use)(void *ctx), void *ctx)
{
	for (size_t i = 0; i < state->bytes.size; i++) {
		const uint8_t was = state->bytes.data[i];

		state->bytes.data[i] = byte;
		if (device_state_give(state, dev) == 0)
			use(ctx);
		dev->ops->reset(dev);
		state->bytes.data[i] = was;
	}
}
