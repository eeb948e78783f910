/* vmm/test/expect.c - waits for a text on a console. */
#include "vmm/test/expect.h"

#include <errno.h>
#include <string.h>

int expect_compile(regex_t *ret, const char *text, struct err *err)
{
	char reason[128];
	int r;

	if (!*text)
		return err_input(err, -EINVAL,
				 "an empty expression is everywhere");
	r = regcomp(ret, text, REG_EXTENDED | REG_NEWLINE);
	if (r == REG_ESPACE)
		return err_set(err, -ENOMEM, "out of memory");
	if (r == 0)
		return 0;
	(void)regerror(r, ret, reason, sizeof(reason));
	return err_input(err, -EINVAL, "is no regular expression: %s", reason);
}

static void drop_bytes(struct expect *expect, size_t len)
{
	expect->len -= len;
	memmove(expect->text, expect->text + len, expect->len + 1);
}

void expect_read(struct expect *expect, const char *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (buf[i] == '\r')
			continue;
		if (expect->len == sizeof(expect->text) - 1)
			drop_bytes(expect, EXPECT_KEPT);
		expect->text[expect->len++] = buf[i] ? buf[i] : ' ';
		expect->text[expect->len] = '\0';
	}
}

bool expect_met(struct expect *expect, const regex_t *regex)
{
	regmatch_t match;

	if (regexec(regex, expect->text, 1, &match, 0) != 0)
		return false;
	drop_bytes(expect, (size_t)match.rm_eo);
	return true;
}
