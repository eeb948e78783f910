/* vmm/snapshot/about.c - what a snapshot says of itself: its vm.json. */
#include "vmm/snapshot/about.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "vmm/snapshot/directory.h"

int snapshot_make_id(char id[SNAPSHOT_ID_SIZE], struct err *err)
{
	uint8_t b[16];
	size_t at = 0;

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		return err_sys(err, "random numbers");
	/* Version 4, variant 1. Source: RFC 4122, section 4.4. */
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < sizeof(b); i++) {
		static const char digit[] = "0123456789abcdef";

		if (i == 4 || i == 6 || i == 8 || i == 10)
			id[at++] = '-';
		id[at++] = digit[b[i] >> 4];
		id[at++] = digit[b[i] & 15];
	}
	id[at] = '\0';
	return 0;
}

/* Returns NULL for no memory, or if a word is no UTF-8. */
static json_t *encode_words(const struct snapshot_about *about)
{
	json_t *words = json_array();

	for (size_t i = 0; words && i < about->words; i++) {
		if (json_array_append_new(words, json_string(about->word[i])) ==
		    0)
			continue;
		json_decref(words);
		words = NULL;
	}
	return words;
}

static void format_date(int64_t made, char buf[static 32])
{
	const time_t at = (time_t)made;
	struct tm tm;

	if (!gmtime_r(&at, &tm) ||
	    strftime(buf, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		buf[0] = '\0';
}

static json_t *encode_disks(const struct snapshot_about *about)
{
	json_t *disks = json_array();

	for (size_t i = 0; disks && i < about->disks; i++) {
		const struct snapshot_disk *disk = &about->disk[i];
		json_t *one = json_pack(
			"{sI sI sI sb}", "size", (json_int_t)disk->size,
			"seconds", (json_int_t)disk->seconds, "ns",
			(json_int_t)disk->ns, "copied", (int)disk->copied);

		if (one && json_array_append_new(disks, one) == 0)
			continue;
		json_decref(disks);
		disks = NULL;
	}
	return disks;
}

/* Members that are NULL are left out. */
json_t *snapshot_about_encode(const struct snapshot_about *about)
{
	const char *parent_id = about->parent ? about->parent_id : NULL;
	json_t *words = encode_words(about), *disks = encode_disks(about);
	char date[32];

	format_date(about->made, date);
	if (!words || !disks) {
		json_decref(words);
		json_decref(disks);
		return NULL;
	}
	return json_pack("{si ss ss* ss* ss ss ss sI ss sI so so}", "format",
			 SNAPSHOT_FORMAT, "id", about->id, "parent-id",
			 parent_id, "parent", about->parent, "architecture",
			 about->architecture, "name", about->name, "vmm",
			 about->vmm, "made", (json_int_t)about->made, "date",
			 date, "page", (json_int_t)about->page, "disks", disks,
			 "command", words);
}

static int bad_member(const char *name, struct err *err)
{
	return err_input(err, -EBADMSG,
			 SNAPSHOT_ABOUT ": \"%s\" is missing or wrong", name);
}

/* Messages carry it to the user's terminal. */
static bool has_control_characters(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

static int copy_text(const json_t *json, const char *name, char **ret,
		     struct err *err)
{
	const char *text = json_string_value(json_object_get(json, name));

	if (!text || text[0] == '\0' || has_control_characters(text))
		return bad_member(name, err);
	*ret = strdup(text);
	return *ret ? 0
		    : err_set(err, -ENOMEM, SNAPSHOT_ABOUT ": out of memory");
}

static bool is_id(const char *text)
{
	if (!text || strlen(text) != SNAPSHOT_ID_SIZE - 1)
		return false;
	for (size_t i = 0; text[i]; i++) {
		const bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-'
			 : !strchr("0123456789abcdef", text[i]))
			return false;
	}
	return true;
}

static int copy_id(const json_t *json, const char *name,
		   char ret[SNAPSHOT_ID_SIZE], struct err *err)
{
	const char *text = json_string_value(json_object_get(json, name));

	if (!is_id(text))
		return bad_member(name, err);
	memcpy(ret, text, SNAPSHOT_ID_SIZE);
	return 0;
}

static int copy_words(const json_t *json, struct snapshot_about *ret,
		      struct err *err)
{
	const json_t *words = json_object_get(json, "command");
	const size_t count = json_array_size(words);

	if (!json_is_array(words) || count > SNAPSHOT_MAX_WORDS)
		return bad_member("command", err);
	ret->word = calloc(count + 1, sizeof(*ret->word));
	if (!ret->word)
		return err_set(err, -ENOMEM, SNAPSHOT_ABOUT ": out of memory");
	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(words, i));

		if (!text)
			return bad_member("command", err);
		ret->word[i] = strdup(text);
		if (!ret->word[i])
			return err_set(err, -ENOMEM,
				       SNAPSHOT_ABOUT ": out of memory");
		ret->words++;
	}
	return 0;
}

static int copy_int(const json_t *json, const char *name, int64_t least,
		    int64_t *ret, struct err *err)
{
	const json_t *number = json_object_get(json, name);

	if (!json_is_integer(number) || json_integer_value(number) < least)
		return bad_member(name, err);
	*ret = json_integer_value(number);
	return 0;
}

static int copy_disk(const json_t *json, struct snapshot_disk *ret,
		     struct err *err)
{
	const json_t *copied = json_object_get(json, "copied");
	int64_t size = 0, ns = 0;
	int r = copy_int(json, "size", 0, &size, err);

	if (r == 0)
		r = copy_int(json, "seconds", INT64_MIN, &ret->seconds, err);
	if (r == 0)
		r = copy_int(json, "ns", 0, &ns, err);
	if (r == 0 && ns > UINT32_MAX)
		r = bad_member("ns", err);
	if (r == 0 && copied && !json_is_boolean(copied))
		r = bad_member("copied", err);
	ret->copied = json_is_true(copied);
	ret->size = (uint64_t)size;
	ret->ns = (uint32_t)ns;
	return r;
}

static int copy_disks(const json_t *json, struct snapshot_about *ret,
		      struct err *err)
{
	const json_t *disks = json_object_get(json, "disks");
	const size_t count = json_array_size(disks);

	if (!json_is_array(disks) || count > SNAPSHOT_MAX_DISKS)
		return bad_member("disks", err);
	for (size_t i = 0; i < count; i++) {
		const int r = copy_disk(json_array_get(disks, i), &ret->disk[i],
					err);

		if (r < 0)
			return r;
	}
	ret->disks = count;
	return 0;
}

static int copy_parent(const json_t *json, struct snapshot_about *ret,
		       struct err *err)
{
	int r;

	if (!json_object_get(json, "parent") &&
	    !json_object_get(json, "parent-id"))
		return 0;
	r = copy_text(json, "parent", &ret->parent, err);
	return r == 0 ? copy_id(json, "parent-id", ret->parent_id, err) : r;
}

static int check_format(const json_t *json, struct err *err)
{
	int64_t format;
	int r = copy_int(json, "format", 1, &format, err);

	if (r == 0 && format != SNAPSHOT_FORMAT)
		r = err_input(err, -ENOTSUP,
			      SNAPSHOT_ABOUT ": format %" PRId64
					     "; this vmm reads format %d",
			      format, SNAPSHOT_FORMAT);
	return r;
}

static int check_arch(const struct snapshot_about *about, const char *arch,
		      struct err *err)
{
	if (!arch || strcmp(about->architecture, arch) == 0)
		return 0;
	return err_input(err, -EXDEV,
			 "a guest of %s; this host runs guests of %s",
			 about->architecture, arch);
}

static int parse_about(const json_t *json, struct snapshot_about *ret,
		       const char *arch, struct err *err)
{
	int64_t page = 0;
	int r = check_format(json, err);

	if (r == 0)
		r = copy_text(json, "architecture", &ret->architecture, err);
	if (r == 0)
		r = check_arch(ret, arch, err);
	if (r == 0)
		r = copy_id(json, "id", ret->id, err);
	if (r == 0)
		r = copy_parent(json, ret, err);
	if (r == 0)
		r = copy_text(json, "name", &ret->name, err);
	if (r == 0)
		r = copy_text(json, "vmm", &ret->vmm, err);
	if (r == 0)
		r = copy_int(json, "made", 0, &ret->made, err);
	if (r == 0)
		r = copy_int(json, "page", 1, &page, err);
	if (r == 0)
		r = copy_disks(json, ret, err);
	if (r == 0)
		r = copy_words(json, ret, err);
	ret->page = (uint64_t)page;
	return r;
}

/* Nothing is written that snapshot_about_read() would refuse. */
static int check_readable(const json_t *json, const char *text, struct err *err)
{
	const size_t words = json_array_size(json_object_get(json, "command"));
	struct snapshot_about about = { 0 };
	int r;

	if (words > SNAPSHOT_MAX_WORDS)
		return err_input(err, -E2BIG,
				 SNAPSHOT_ABOUT ": the command has %zu words; "
						"%d are the most",
				 words, SNAPSHOT_MAX_WORDS);
	r = parse_about(json, &about, NULL, err);
	snapshot_about_finish(&about);
	if (r == 0 && strlen(text) > SNAPSHOT_ABOUT_MAX)
		r = err_input(err, -E2BIG,
			      SNAPSHOT_ABOUT ": the command is too long");
	return r;
}

/* Host paths are bytes; JSON's strings are UTF-8. */
static int check_utf8(const char *text, struct err *err)
{
	json_auto_t *json = text ? json_string(text) : NULL;

	if (!text || json)
		return 0;
	/* Memory may have been short, too. */
	return err_input(err, -EILSEQ,
			 SNAPSHOT_ABOUT ": '%s' is no UTF-8, as all in it has "
					"to be",
			 text);
}

static int check_all_utf8(const struct snapshot_about *about, struct err *err)
{
	int r = check_utf8(about->name, err);

	if (r == 0)
		r = check_utf8(about->parent, err);
	for (size_t i = 0; r == 0 && i < about->words; i++)
		r = check_utf8(about->word[i], err);
	return r;
}

int snapshot_about_text(const struct snapshot_about *about, char **ret,
			struct err *err)
{
	_cleanup_(freep) char *text = NULL;
	json_auto_t *json = NULL;
	int r = check_all_utf8(about, err);

	if (r < 0)
		return r;
	json = snapshot_about_encode(about);
	if (json)
		text = json_dumps(json, JSON_INDENT(1));
	if (!text)
		return err_set(err, -ENOMEM, SNAPSHOT_ABOUT ": out of memory");
	r = check_readable(json, text, err);
	if (r == 0)
		*ret = TAKE_PTR(text);
	return r;
}

int snapshot_about_check(const struct snapshot_about *about, struct err *err)
{
	_cleanup_(freep) char *text = NULL;

	return snapshot_about_text(about, &text, err);
}

int snapshot_about_write(const struct snapshot_about *about, int dir,
			 struct err *err)
{
	_cleanup_(freep) char *text = NULL;
	const int r = snapshot_about_text(about, &text, err);

	if (r < 0 || !text)
		return r;
	return snapshot_file_write(dir, SNAPSHOT_ABOUT, text, strlen(text),
				   err);
}

int snapshot_about_parse(struct snapshot_about *ret, const char *text,
			 size_t size, const char *arch, struct err *err)
{
	struct snapshot_about about = { 0 };
	json_auto_t *json = NULL;
	json_error_t why;
	int r;

	json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
	if (!json_is_object(json))
		return err_input(err, -EBADMSG,
				 SNAPSHOT_ABOUT ": is no JSON object");
	r = parse_about(json, &about, arch, err);
	if (r < 0)
		snapshot_about_finish(&about);
	else
		*ret = about;
	return r;
}

int snapshot_about_read(struct snapshot_about *ret, int dir, const char *arch,
			struct err *err)
{
	_cleanup_(freep) uint8_t *text = NULL;
	size_t size;
	const int r = file_read_in(dir, SNAPSHOT_ABOUT, SNAPSHOT_ABOUT_MAX,
				   &text, &size, err);

	return r == 0 ? snapshot_about_parse(ret, (const char *)text, size,
					     arch, err)
		      : r;
}

void snapshot_about_finish(struct snapshot_about *about)
{
	for (size_t i = 0; i < about->words; i++)
		free(about->word[i]);
	free(about->word);
	free(about->parent);
	free(about->architecture);
	free(about->name);
	free(about->vmm);
	*about = (struct snapshot_about){ 0 };
}
