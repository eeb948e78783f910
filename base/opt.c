/* base/opt.c - "key=value,key=value" into a struct, by a table. */
#include "base/opt.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/closest.h"
#include "base/size.h"

/*
 * Cuts the first item off *text, with ",," in it made ",". Returns NULL at the
 * end. An empty item is an item.
 */
static char *cut_opt_item(char **text)
{
	char *item = *text;
	char *out = item;
	char *in = item;

	if (!item)
		return NULL;
	for (; *in; *out++ = *in++) {
		if (*in != ',')
			continue;
		if (in[1] != ',')
			break;
		in++;
	}
	*text = *in ? in + 1 : NULL;
	*out = '\0';
	return item;
}

static const struct opt *find_opt(const struct opt *table, size_t count,
				  const char *key, size_t len)
{
	for (size_t i = 0; i < count; i++)
		if (strncmp(table[i].key, key, len) == 0 &&
		    table[i].key[len] == '\0')
			return &table[i];
	return NULL;
}

static int report_unknown_opt(const struct opt *table, size_t count,
			      const char *key, struct err *err)
{
	struct closest near = { .word = key };

	if (!*key)
		return err_input(err, -EINVAL, "a key is missing at a comma");
	for (size_t i = 0; i < count; i++)
		closest_try(&near, table[i].key);
	return closest_refuse(&near, "key", err);
}

static int set_opt_word(const struct opt *opt, const char *val, unsigned *ret,
			struct err *err)
{
	struct closest near = { .word = val };
	int r;

	for (unsigned i = 0; opt->words[i]; i++) {
		if (strcmp(opt->words[i], val) == 0) {
			*ret = i;
			return 0;
		}
	}
	for (unsigned i = 0; opt->words[i]; i++)
		closest_try(&near, opt->words[i]);
	r = closest_refuse(&near, "value", err);
	(void)err_wrap(err, "%s", opt->key);
	return r;
}

static int set_bool(const struct opt *opt, const char *val, bool *ret,
		    struct err *err)
{
	const bool on = !val || strcmp(val, "on") == 0;

	if (!on && strcmp(val, "off") != 0)
		return err_input(err, -EINVAL, "%s: '%s' is neither on nor off",
				 opt->key, val);
	*ret = on;
	return 0;
}

static int set_number(const struct opt *opt, const char *val, uint64_t *ret,
		      struct err *err)
{
	uint64_t n = 0;
	int r;

	if (opt->type == OPT_SIZE)
		r = size_parse(val, opt->unit ? opt->unit : 1, &n);
	else if (opt->type == OPT_DURATION)
		r = duration_parse(val, &n);
	else
		r = number_parse(val, &n);

	if (r == -EINVAL)
		return err_input(err, r, "%s: '%s' is not a %s", opt->key, val,
				 opt->type == OPT_SIZE ? "size: " SIZE_FORM
				 : opt->type == OPT_DURATION ? "duration"
							     : "number");
	if (r < 0 || n < opt->min || (opt->max && n > opt->max))
		return err_input(err, -EINVAL,
				 "%s: '%s' is not from %" PRIu64 " to %" PRIu64,
				 opt->key, val, opt->min,
				 opt->max ? opt->max : UINT64_MAX);
	*ret = n;
	return 0;
}

static int set_switch(const struct opt *opt, const char *val,
		      enum opt_switch *ret, struct err *err)
{
	bool on = false;
	const int r = set_bool(opt, val, &on, err);

	if (r == 0)
		*ret = on ? SWITCH_ON : SWITCH_OFF;
	return r;
}

static int add_opt_item(const struct opt *opt, const char *val,
			struct opt_list *ret, struct err *err)
{
	if (ret->count == OPT_MAX_LIST)
		return err_input(err, -EINVAL, "%s: at most %d", opt->key,
				 OPT_MAX_LIST);
	ret->item[ret->count++] = val;
	return 0;
}

static int set_opt(const struct opt *opt, char *val, void *ret, struct err *err)
{
	void *member = (char *)ret + opt->offset;

	if (opt->type == OPT_BOOL)
		return set_bool(opt, val, member, err);
	if (opt->type == OPT_SWITCH)
		return set_switch(opt, val, member, err);
	if (!val || !*val)
		return err_input(err, -EINVAL, "%s: value missing", opt->key);
	switch (opt->type) {
	case OPT_WORD:
		return set_opt_word(opt, val, member, err);
	case OPT_STR:
		*(const char **)member = val;
		return 0;
	case OPT_LIST:
		return add_opt_item(opt, val, member, err);
	default:
		return set_number(opt, val, member, err);
	}
}

/* Finds the item's key and value; *val is NULL without a '='. */
static const struct opt *split_opt(const struct opt *table, size_t count,
				   char *item, bool first, char **val)
{
	char *eq = strchr(item, '=');
	const struct opt *opt = NULL;

	first = first && table[0].first;
	if (eq || !first)
		opt = find_opt(table, count, item,
			       eq ? (size_t)(eq - item) : strlen(item));
	if (first && !opt) {
		*val = item;
		return &table[0];
	}
	*val = eq ? eq + 1 : NULL;
	if (eq)
		*eq = '\0';
	return opt;
}

int opt_parse(const struct opt *table, size_t count, char *text, void *ret,
	      struct err *err)
{
	uint64_t seen = 0;
	bool first = true;
	char *item;
	char *val;
	int r;

	assert(count > 0 && count <= OPT_MAX_KEYS);
	if (text && !*text)
		text = NULL;
	while ((item = cut_opt_item(&text))) {
		const struct opt *opt = split_opt(table, count, item, first,
						  &val);
		uint64_t bit;

		if (!opt)
			return report_unknown_opt(table, count, item, err);
		bit = 1ull << (opt - table);
		if ((seen & bit) && opt->type != OPT_LIST)
			return err_input(err, -EINVAL, "%s: given twice",
					 opt->key);
		r = set_opt(opt, val, ret, err);
		if (r < 0)
			return r;
		seen |= bit;
		first = false;
	}
	for (size_t i = 0; i < count; i++)
		if (table[i].required && !(seen & 1ull << i))
			return err_input(err, -EINVAL, "%s is missing",
					 table[i].key);
	return 0;
}

int opt_parse_copy(const struct opt *table, size_t count, const char *value,
		   char **ret_text, void *ret, struct err *err)
{
	int r;

	*ret_text = strdup(value);
	if (!*ret_text)
		return err_set(err, -ENOMEM, "out of memory");
	r = opt_parse(table, count, *ret_text, ret, err);
	if (r < 0)
		err->input = true;
	return r;
}
