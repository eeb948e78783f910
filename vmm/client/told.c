/* vmm/client/told.c - reads what a machine has told of itself. */
#include "vmm/client/told.h"

#include <string.h>

void told_print(FILE *out, const char *text, size_t width)
{
	const size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		(void)fputc((unsigned char)text[i] < ' ' || text[i] == 0x7f
				    ? '?'
				    : text[i],
			    out);
	(void)fprintf(out, "%*s", (int)(len < width ? width - len : 0), "");
}
