/*
 * vmm/config_same.h - whether two configurations are of one guest. [pure]
 *
 * What the guest can see has to be the same, and what it would see after a
 * restart. Where a file is found, where memory comes from, and all else that is
 * the host's or the run's may differ.
 */
#ifndef VMM_CONFIG_SAME_H
#define VMM_CONFIG_SAME_H

#include "base/err.h"

struct config;

/*
 * Compares a configuration with that of a guest which is to come.
 *
 * @own:  of this run
 * @come: the guest's
 *
 * Returns 0; or -EXDEV, a fault of the user's, with @err naming the first
 * option that differs, and both of its values. Thread: any.
 */
int config_same_guest(const struct config *own, const struct config *come,
		      struct err *err);

#endif
