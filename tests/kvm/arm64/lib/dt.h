/* tests/kvm/arm64/lib/dt.h - finds things in the device tree. */
#ifndef TESTS_KVM_ARM64_LIB_DT_H
#define TESTS_KVM_ARM64_LIB_DT_H

#include <stdbool.h>
#include <stdint.h>

/* A node, or, zeroed, the place before the first one. */
struct dt_node {
	uint32_t at; /* of its first property, from the tree's begin */
};

/* Goes on to the next node, depth first. False after the last. */
bool dt_next(struct dt_node *node);

/* Goes on to the next node whose @prop has @val among its strings. */
bool dt_find(struct dt_node *node, const char *prop, const char *val);

/* The property's bytes, or NULL. */
const void *dt_prop(const struct dt_node *node, const char *name,
		    uint32_t *len);

/* Cell number @i of a property; the test fails if there is none. */
uint32_t dt_cell(const struct dt_node *node, const char *name, unsigned i);

/* Entry @i of a property of (address, size) pairs of two cells each. */
uint64_t dt_address(const struct dt_node *node, unsigned i);
uint64_t dt_size(const struct dt_node *node, unsigned i);
unsigned dt_regs(const struct dt_node *node); /* how many pairs */

/* A property of one or two cells. */
uint64_t dt_number(const struct dt_node *node, const char *name);

/* The interrupt number of the GIC from a three-cell specifier. */
unsigned dt_intid(const struct dt_node *node, unsigned i);

#endif
