/* tests/unit/device_state.h - a device's state, saved, altered and loaded. */
#ifndef TESTS_UNIT_DEVICE_STATE_H
#define TESTS_UNIT_DEVICE_STATE_H

#include "devices/device.h"

/* What a device saved: one section. */
struct device_state {
	struct state bytes; /* owned */
};

void device_state_take(struct device_state *ret, struct device *dev);
void device_state_finish(struct device_state *state);

/* Loads it into a device as a machine does. Returns load()'s code, or that of
 * records that are left. */
int device_state_give(const struct device_state *state, struct device *dev);

/* Saves one device and loads what it saved into another, which succeeds. */
void device_state_copy(struct device *from, struct device *to);

/* Has @to, which is new, take the place of a device that runs: pauses and saves
 * that one, destroys it, loads its state, and lets @to go on. */
void device_state_replace(struct device *from, struct device *to);

/*
 * Loads the state with each of its bytes changed to @byte in turn. Whatever
 * load() says, the device is used by @use and reset afterwards.
 */
void device_state_damage(const struct device_state *state, struct device *dev,
			 uint8_t byte, void (*use)(void *ctx), void *ctx);

#endif
