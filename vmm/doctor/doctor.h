/*
 * vmm/doctor/doctor.h - what this host offers, what it lacks, and what to do
 * about it.
 *
 * A report is a list of findings in sections. It is gathered first and printed
 * once, as text or as JSON. Gathering cannot fail: what the host lacks is a
 * finding.
 */
#ifndef VMM_DOCTOR_DOCTOR_H
#define VMM_DOCTOR_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct cli_command;

enum doctor_mark {
	DOCTOR_OK,
	DOCTOR_LIMITED, /* there, but less than it could be */
	DOCTOR_MISSING, /* not there; guests run all the same */
	DOCTOR_FATAL, /* not there, and no guest runs without it */
};

#define DOCTOR_MAX_FINDINGS 64

struct doctor_finding {
	enum doctor_mark mark;
	const char *section; /* this and the next three: borrowed for good */
	const char *name; /* also the key in JSON; unique */
	const char *consequence; /* of what is not there; NULL if it is */
	const char *cure; /* NULL: none is known */
	char value[64];
};

struct doctor {
	const char *section; /* of the findings that are added next */
	struct doctor_finding finding[DOCTOR_MAX_FINDINGS];
	size_t count;
};

/*
 * Adds a finding.
 *
 * @consequence, @cure: dropped if @mark is DOCTOR_OK
 * @fmt: the value; cut to fit
 */
void doctor_add(struct doctor *doctor, enum doctor_mark mark, const char *name,
		const char *consequence, const char *cure, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));

/* A KVM capability, and what its absence means. */
struct doctor_cap {
	const char *word; /* "KVM_CAP_*" */
	int cap; /* KVM_CAP_* */
	enum doctor_mark mark; /* if it is absent */
	const char *name; /* these three as in a finding */
	const char *consequence;
	const char *cure;
};

#define DOCTOR_CAP(cap) #cap, cap

/* Adds a finding for each of a table's capabilities. @fd: a VM or /dev/kvm */
void doctor_caps(struct doctor *doctor, const struct doctor_cap *table,
		 size_t count, int fd);

/* True if nothing that was found is DOCTOR_FATAL. */
bool doctor_fit(const struct doctor *doctor);

/* Print a report on the standard output. Return 0 or -errno. */
int doctor_print_text(const struct doctor *doctor, struct err *err);
int doctor_print_json(const struct doctor *doctor, struct err *err);

/*
 * Adds what is no matter of KVM: memory, io_uring, limits.
 *
 * @root: what stands before /proc, /sys and /dev; "" but in tests
 */
void doctor_host(struct doctor *doctor, const char *root);

/* Adds what every architecture's KVM has, and arch_doctor()'s findings. */
void doctor_kvm(struct doctor *doctor);

struct doctor_options {
	bool json;
};

/* The options of `vmm doctor`; they go to a struct doctor_options. */
extern const struct cli_command doctor_command;

#endif
