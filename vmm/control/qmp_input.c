/* vmm/control/qmp_input.c - cuts a QMP byte stream into JSON texts. */
#include "vmm/control/qmp_input.h"

#include <stdbool.h>
#include <stdlib.h>

#define FIRST_SPACE 256 /* in bytes; most commands fit */

/* The result of one byte. */
enum step {
	STEP_ON,
	STEP_MESSAGE, /* it was the last one */
	STEP_PROBLEM, /* it ended what is no message */
	STEP_AGAIN, /* the same, and it is the next one's first */
};

static void keep_char(struct qmp_input *in, char c)
{
	if (in->problem)
		return;
	if (in->len == in->max) {
		in->problem = "the command is too long";
		return;
	}
	if (in->len == in->space) {
		const size_t space = in->space ? 2 * in->space : FIRST_SPACE;
		char *text = realloc(in->text, space);

		if (!text) {
			in->problem = "the command: out of memory";
			return;
		}
		in->text = text;
		in->space = space;
	}
	in->text[in->len++] = c;
}

static enum step end_message(struct qmp_input *in)
{
	in->state = QMP_IDLE;
	return in->problem ? STEP_PROBLEM : STEP_MESSAGE;
}

/* Gives up on what was read so far. A problem found before is the one told. */
static enum step give_up_message(struct qmp_input *in, const char *problem)
{
	if (!in->problem)
		in->problem = problem;
	in->state = QMP_IDLE;
	return STEP_PROBLEM;
}

static bool opens_message(char c)
{
	return c == '{' || c == '[';
}

static enum step step_idle(struct qmp_input *in, char c)
{
	if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
		return STEP_ON;
	if (!opens_message(c)) {
		in->state = QMP_JUNK;
		return STEP_ON;
	}
	in->state = QMP_VALUE;
	in->depth = 1;
	keep_char(in, c);
	return STEP_ON;
}

/* One problem a line, however many words are on it. */
static enum step step_junk(struct qmp_input *in, char c)
{
	if (c != '\n' && !opens_message(c))
		return STEP_ON;
	(void)give_up_message(in, "JSON parse error, expecting an object");
	return c == '\n' ? STEP_PROBLEM : STEP_AGAIN;
}

static enum step step_value(struct qmp_input *in, char c)
{
	if (c == '\'') {
		in->state = QMP_SINGLE;
		c = '"';
	} else if (c == '"') {
		in->state = QMP_DOUBLE;
	} else if (opens_message(c) && in->depth++ == QMP_MAX_DEPTH &&
		   !in->problem) {
		in->problem = "JSON parse error, nested too deeply";
	}
	keep_char(in, c);
	if ((c == '}' || c == ']') && --in->depth == 0)
		return end_message(in);
	return STEP_ON;
}

static enum step step_string(struct qmp_input *in, char c)
{
	const bool single = in->state == QMP_SINGLE;

	if (c == '\n')
		return give_up_message(in,
				       "JSON parse error, a string has no end");
	if (c == '\\') {
		in->state = single ? QMP_SINGLE_ESCAPE : QMP_DOUBLE_ESCAPE;
		return STEP_ON;
	}
	if (c == (single ? '\'' : '"')) {
		in->state = QMP_VALUE;
		c = '"';
	} else if (c == '"') {
		keep_char(in, '\\');
	}
	keep_char(in, c);
	return STEP_ON;
}

static enum step step_escape(struct qmp_input *in, char c)
{
	in->state = in->state == QMP_SINGLE_ESCAPE ? QMP_SINGLE : QMP_DOUBLE;
	if (c == '\n')
		return give_up_message(in,
				       "JSON parse error, a string has no end");
	if (c != '\'')
		keep_char(in, '\\');
	keep_char(in, c);
	return STEP_ON;
}

/* True for bytes that occur neither in JSON text nor in UTF-8. */
static bool resets_input(char c)
{
	const unsigned char byte = (unsigned char)c;

	return byte >= 0xfe ||
	       (byte < ' ' && c != '\t' && c != '\r' && c != '\n');
}

static enum step step_input(struct qmp_input *in, char c)
{
	if (resets_input(c))
		return give_up_message(in, "JSON parse error, stray byte");
	switch (in->state) {
	case QMP_IDLE:
		return step_idle(in, c);
	case QMP_JUNK:
		return step_junk(in, c);
	case QMP_VALUE:
		return step_value(in, c);
	case QMP_DOUBLE:
	case QMP_SINGLE:
		return step_string(in, c);
	default:
		return step_escape(in, c);
	}
}

enum qmp_input_found qmp_input_take(struct qmp_input *in, const char *buf,
				    size_t len, size_t *ret_used)
{
	/* The last call's result has been reported. */
	if (in->state == QMP_IDLE) {
		in->len = 0;
		in->problem = NULL;
	}
	for (size_t i = 0; i < len; i++) {
		const enum step s = step_input(in, buf[i]);

		if (s == STEP_ON)
			continue;
		*ret_used = s == STEP_AGAIN ? i : i + 1;
		return s == STEP_MESSAGE ? QMP_MESSAGE : QMP_PROBLEM;
	}
	*ret_used = len;
	return QMP_NOTHING;
}

void qmp_input_finish(struct qmp_input *in)
{
	free(in->text);
	*in = (struct qmp_input){ .max = in->max };
}
