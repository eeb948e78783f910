/*
 * vmm/kvmtool_words.h - words of kvmtool's command line that `vmm run` takes,
 * or refuses with a reason. [pure]
 *
 * docs/KVMTOOL.md compares both programs. Source: kvmtool, builtin-run.c and
 * arm64/include/kvm/kvm-config-arch.h.
 */
#ifndef VMM_KVMTOOL_WORDS_H
#define VMM_KVMTOOL_WORDS_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/range.h"
#include "vmm/cli.h"

/* Strings are borrowed from the command line. A zeroed one: none was given. */
struct kvmtool_words {
	bool no_pvtime; /* the guest is not told of stolen time */
	unsigned sve_max_vl; /* in bits, a multiple of 128; 0: no limit */
	bool kaslr_seeded;
	uint64_t kaslr_seed; /* if @kaslr_seeded; else it is random */
	bool firmware_placed;
	gpa_t firmware_at; /* if @firmware_placed; else where RAM begins */
	const char *hugetlbfs; /* a folder; NULL: not given */
	const char *affinity_word; /* as given; NULL: vCPUs run anywhere */
	cpu_set_t affinity; /* host processors of all vCPUs, if so */
};

/* Options whose context begins with a struct kvmtool_words. */
#define KVMTOOL_OPTIONS 12 /* rows of the table */
extern const struct cli_option kvmtool_options[KVMTOOL_OPTIONS];

/* Options of kvmtool that have no counterpart; ends with a NULL name. */
extern const struct cli_refusal kvmtool_refusals[];

#endif
