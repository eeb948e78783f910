/*
 * vmm/control/qmp.h - the QEMU Machine Protocol: commands, replies, events.
 *
 * A command is a row of a table: its name, its arguments as data, and the
 * function that does it. The client's arguments are checked against the row
 * before the function is called, so it finds them present and of the right
 * types, and no others. [pure]
 *
 * Source: QEMU, docs/interop/qmp-spec.
 */
#ifndef VMM_CONTROL_QMP_H
#define VMM_CONTROL_QMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/err.h"

#define QMP_MAX_COMMAND 65536 /* bytes that a client may use for one */

struct qmp_table;

/* Class of an error in a reply. */
enum qmp_class {
	QMP_GENERIC_ERROR, /* any that is none of those below */
	QMP_COMMAND_NOT_FOUND,
	QMP_DEVICE_NOT_ACTIVE, /* the machine has no such device */
	QMP_DEVICE_NOT_FOUND,
	QMP_KVM_MISSING_CAP,
};

/* A command in progress. */
struct qmp_call {
	const struct qmp_table *table; /* borrowed */
	void *ctx; /* the session's */
	const json_t *args; /* an object; borrowed */
	const json_t *bits; /* the same, of struct qmp_message; may be NULL */
	/* Out: owned by the caller; left alone it stands for {}, and NULL for
	 * no memory, which the client is told. */
	json_t *ret;
	enum qmp_class class; /* out: of the failure */
	/*
	 * Out: after the reply the connection is no longer QMP's: this is
	 * called with its descriptor, to own it. Data that the client sent
	 * without waiting for the reply is lost.
	 */
	void (*take_over)(void *ctx, int fd, unsigned how);
	unsigned how; /* out: for take_over() */
};

enum qmp_type {
	QMP_BOOL,
	QMP_INT, /* int64_t */
	QMP_SIZE, /* uint64_t */
	QMP_STRING, /* without a NUL */
	QMP_ARRAY, /* what is in it is the command's to check */
	QMP_OBJECT, /* the same */
};

struct qmp_arg {
	const char *name; /* NULL: none, and no more */
	enum qmp_type type;
	bool required;
};

#define QMP_MAX_ARGS 10

struct qmp_command {
	const char *name;
	/*
	 * Does it. Returns 0, or a negative errno with @err set and, unless it
	 * is QMP_GENERIC_ERROR, call->class. Thread: the loop's.
	 */
	int (*run)(struct qmp_call *call, struct err *err);
	struct qmp_arg arg[QMP_MAX_ARGS];
};

struct qmp_table {
	const struct qmp_command *command;
	size_t count;
	/* True if a command may be given now. NULL: all may be. @ctx: the
	 * session's. Thread: the loop's. */
	bool (*allows)(const void *ctx, const char *name);
};

/* A client's conversation. */
struct qmp_session {
	const struct qmp_table *table; /* borrowed */
	void *ctx; /* for the commands; struct control in the program */
	bool negotiated; /* qmp_capabilities was said */
	/* A command's wish, or NULL. */
	void (*take_over)(void *ctx, int fd, unsigned how);
	unsigned how;
};

/* All that follow return JSON that the caller owns, or NULL for no memory. */

/* The first message to a client. */
json_t *qmp_greeting(void);

/*
 * Does what a message asks, and returns the reply.
 *
 * @text: as qmp_input_take() found it; not trusted
 */
json_t *qmp_reply(struct qmp_session *session, const char *text, size_t len);

/* A reply to input that is no message. @problem: text of ours, plain ASCII */
json_t *qmp_problem(const char *problem);

/* An event of this moment. @data: an object, or json_null() for none; taken
 * over; NULL: there was no memory for it */
json_t *qmp_event(const char *name, json_t *data);

/*
 * A string of any bytes, as a file's name is. A letter that is cut at its end
 * is left out; if it is no UTF-8 even so, what is not ASCII is told as '?'.
 */
json_t *qmp_string(const char *text);

/* A number of 64 bits. JSON's have a sign here: the largest stands for more. */
json_t *qmp_number(uint64_t n);

/*
 * Adds a member to an object, or an element to a list. The first that cannot be
 * had leaves NULL instead of the whole, and what is added then is let go: there
 * is one thing to look at in the end.
 *
 * @value: taken over; NULL: there was no memory for it
 */
void qmp_add(json_t **object, const char *name, json_t *value);
void qmp_append(json_t **list, json_t *value);

/* Commands of the protocol's own, for every table. */
int qmp_query_version(struct qmp_call *call, struct err *err);
int qmp_query_commands(struct qmp_call *call, struct err *err);

/* The arguments of a command, or what stands for one that was not given. */
bool qmp_arg_bool(const struct qmp_call *call, const char *name, bool other);
json_int_t qmp_arg_int(const struct qmp_call *call, const char *name,
		       json_int_t other);
uint64_t qmp_arg_size(const struct qmp_call *call, const char *name,
		      uint64_t other);
const char *qmp_arg_string(const struct qmp_call *call, const char *name,
			   const char *other);

/* Returns 0, or -ERANGE if an argument is given that is no time of up to a day,
 * in milliseconds. */
int qmp_check_ms(const struct qmp_call *call, const char *name,
		 struct err *err);

/* Returns 0, or -ERANGE if an argument is given that is no level of
 * compression, nor 0. */
int qmp_check_level(const struct qmp_call *call, const char *name,
		    struct err *err);

#endif
