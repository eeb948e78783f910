/* vmm/control/qmp_parse.c - makes values of a QMP message's text. */
#include "vmm/control/qmp_parse.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON_FLAGS (JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL)
#define DIGITS "0123456789"

/* Writes what stands for a number. Whether it is JSON is jansson's to judge. */
static void write_number(FILE *out, const char *token, size_t len, bool bits)
{
	const char *digits = token + (*token == '-');
	uint64_t n;
	char *end;

	if (isinf(strtod(token, &end)) && end == token + len) {
		(void)fputs(*token == '-' ? "-" : "", out);
		(void)fputs("1.7976931348623157e308", out); /* DBL_MAX */
		return;
	}
	errno = 0;
	(void)strtoll(token, NULL, 10);
	if (errno != ERANGE || digits + strspn(digits, DIGITS) != token + len) {
		(void)fwrite(token, 1, len, out);
		return;
	}
	errno = 0;
	n = strtoull(digits, NULL, 10);
	if (bits && digits == token && errno != ERANGE)
		(void)fprintf(out, "%" PRId64, (int64_t)n);
	else
		(void)fprintf(out, "%.*s.0", (int)len, token);
}

/* The length of the string that begins at @text, with its quotes. */
static size_t string_length(const char *text)
{
	size_t len = 1;

	while (text[len] && text[len] != '"')
		len += text[len] == '\\' && text[len + 1] ? 2 : 1;
	return text[len] ? len + 1 : len;
}

/* Writes a string. A member's name, in which jansson takes no NUL, has another
 * letter instead that no name of ours has. */
static void write_string(FILE *out, const char *text, size_t len)
{
	const char *after = text + len + strspn(text + len, " \t\r\n");
	const bool name = *after == ':';

	for (size_t i = 0, step; i < len; i += step) {
		step = text[i] == '\\' && i + 1 < len ? 2 : 1;
		if (name && len - i >= 6 && !strncmp(text + i, "\\u0000", 6)) {
			(void)fputs("\\ufffd", out);
			step = 6;
		} else {
			(void)fwrite(text + i, 1, step, out);
		}
	}
}

/* Returns the text with what jansson refuses replaced, or NULL: no memory. */
static char *replace_text(const char *text, size_t *ret_len, bool bits)
{
	char *buf = NULL;
	FILE *out = open_memstream(&buf, ret_len);
	bool failed;
	size_t len;

	if (!out)
		return NULL;
	for (const char *at = text; *at; at += len) {
		if (*at == '"') {
			len = string_length(at);
			write_string(out, at, len);
		} else if (strchr(DIGITS "-", *at)) {
			len = strspn(at, DIGITS "+-.eE");
			write_number(out, at, len, bits);
		} else {
			len = 1;
			(void)fputc(*at, out);
		}
	}
	failed = ferror(out);
	if (fclose(out) != 0 || failed) {
		free(buf);
		return NULL;
	}
	return buf;
}

static json_t *parse_replaced(const char *text, bool bits, json_error_t *error)
{
	size_t len;
	char *replaced = replace_text(text, &len, bits);
	json_t *value = NULL;

	if (replaced)
		value = json_loadb(replaced, len, JSON_FLAGS, error);
	free(replaced);
	return value;
}

void qmp_parse(struct qmp_message *ret, const char *text, size_t len,
	       json_error_t *error)
{
	enum json_error_code code;
	char *copy;

	*ret = (struct qmp_message){ .value = json_loadb(text, len, JSON_FLAGS,
							 error) };
	if (ret->value)
		return;
	code = json_error_code(error);
	if (code != json_error_numeric_overflow &&
	    code != json_error_null_byte_in_key)
		return;
	copy = strndup(text, len);
	if (!copy)
		return;
	ret->value = parse_replaced(copy, false, error);
	if (ret->value)
		ret->bits = parse_replaced(copy, true, error);
	free(copy);
}

void qmp_message_finish(struct qmp_message *message)
{
	json_decref(message->value);
	json_decref(message->bits);
	*message = (struct qmp_message){ 0 };
}
