/*
 * vmm/control/qmp_input.h - cuts a QMP byte stream into JSON texts.
 *
 * Bytes come as they come: part of a message, or several at once. A message is
 * an object or array with its brackets closed; whether it is JSON is not judged
 * here. Input that cannot be a message is reported once, and reading goes on
 * behind it: at the next line, at the message's own end, or at a control
 * character or a byte of 0xfe or 0xff, which a client may send to get back to a
 * known state.
 *
 * As QEMU does, this takes 'single-quoted' strings, and \' in either kind, and
 * makes JSON of them. [pure]
 *
 * Source: QEMU, docs/interop/qmp-spec, "Protocol Specification" and "Forcing
 * the JSON parser into known-good state".
 */
#ifndef VMM_CONTROL_QMP_INPUT_H
#define VMM_CONTROL_QMP_INPUT_H

#include <stddef.h>

#define QMP_MAX_DEPTH 64 /* of nested objects and arrays */

enum qmp_input_state {
	QMP_IDLE, /* between messages */
	QMP_JUNK, /* in what begins no message */
	QMP_VALUE, /* in a message, outside its strings */
	QMP_DOUBLE, /* in a "string" */
	QMP_DOUBLE_ESCAPE, /* behind its backslash */
	QMP_SINGLE, /* the same for a 'string' */
	QMP_SINGLE_ESCAPE,
};

struct qmp_input {
	size_t max; /* bytes of a message; set by the caller; others start 0 */
	char *text; /* owned; the message, without a 0 at its end */
	size_t len;
	size_t space; /* of text */
	size_t depth;
	enum qmp_input_state state;
	const char *problem; /* why the message is not kept; NULL: it is */
};

enum qmp_input_found {
	QMP_NOTHING, /* all bytes are taken, and more are needed */
	QMP_MESSAGE, /* input->text has one, until the next call */
	QMP_PROBLEM, /* input->problem says what is wrong, until then */
};

/*
 * Takes bytes up to the end of a message or a problem.
 *
 * @buf, @len: not trusted
 * @ret_used:  how many bytes were taken; the rest is to be given again
 *
 * Thread: any, one at a time.
 */
enum qmp_input_found qmp_input_take(struct qmp_input *input, const char *buf,
				    size_t len, size_t *ret_used);

void qmp_input_finish(struct qmp_input *input); /* zeroed is fine */

#endif
