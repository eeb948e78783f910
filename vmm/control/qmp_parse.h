/*
 * vmm/control/qmp_parse.h - makes values of a QMP message's text.
 *
 * JSON knows no bounds for its numbers; jansson's integers are int64_t, and it
 * refuses a text with a larger number, or with a NUL in a string, as a whole.
 * Such a message must still be answered with its id. So a number that does not
 * fit becomes the double nearest to it, as in QEMU. [pure]
 */
#ifndef VMM_CONTROL_QMP_PARSE_H
#define VMM_CONTROL_QMP_PARSE_H

#include <stddef.h>

#include <jansson.h>

struct qmp_message {
	/* Owned; NULL: the text is no JSON. Strings may have NULs in them. */
	json_t *value;
	/* Owned. The same, but each integer from 2^63 to 2^64 - 1 is the
	 * int64_t of the same 64 bits. NULL: there is none in the text. */
	json_t *bits;
};

/*
 * @text:  as qmp_input_take() found it; not trusted
 * @error: why there is no value
 */
void qmp_parse(struct qmp_message *ret, const char *text, size_t len,
	       json_error_t *error);

void qmp_message_finish(struct qmp_message *message); /* zeroed is fine */

#endif
