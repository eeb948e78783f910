/* vmm/test/strings.c - a list of texts that it owns. */
#include "vmm/test/strings.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Adds a text that the list owns from now on, or frees it. */
static int take_string(struct strings *strings, char *text)
{
	char **more;

	if (!text)
		return -ENOMEM;
	more = reallocarray(strings->item, strings->count + 2, sizeof(*more));
	if (!more) {
		free(text);
		return -ENOMEM;
	}
	strings->item = more;
	strings->item[strings->count++] = text;
	strings->item[strings->count] = NULL;
	return 0;
}

int strings_add(struct strings *strings, const char *text)
{
	return take_string(strings, strdup(text));
}

int strings_format(struct strings *strings, const char *format, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	return take_string(strings, n < 0 ? NULL : text);
}

void strings_drop(struct strings *strings, const char *text)
{
	size_t kept = 0;

	for (size_t i = 0; i < strings->count; i++)
		if (strcmp(strings->item[i], text) == 0)
			free(strings->item[i]);
		else
			strings->item[kept++] = strings->item[i];
	strings->count = kept;
	if (strings->item)
		strings->item[kept] = NULL;
}

static int compare_strings(const void *a, const void *b)
{
	const char *const *one = a, *const *other = b;

	return strcmp(*one, *other);
}

const char *strings_twice(const char **texts, size_t count)
{
	qsort(texts, count, sizeof(*texts), compare_strings);
	for (size_t i = 1; i < count; i++)
		if (strcmp(texts[i - 1], texts[i]) == 0)
			return texts[i];
	return NULL;
}

void strings_finish(struct strings *strings)
{
	for (size_t i = 0; i < strings->count; i++)
		free(strings->item[i]);
	free(strings->item);
	*strings = (struct strings){ 0 };
}
