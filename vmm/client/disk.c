/* vmm/client/disk.c - vmm disk. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "vmm/client/client.h"
#include "vmm/client/commands.h"
#include "vmm/client/told.h"
#include "vmm/client/words.h"

#define MIB (UINT64_C(1) << 20)

struct disk_words {
	struct client_words client;
	bool resize;
	bool measure; /* --auto */
	const char *word[2]; /* behind "resize" */
	size_t count;
	const char *disk; /* to resize; NULL: the only one */
	uint64_t size; /* in bytes; for --auto it is not set */
};

static int set_word(void *ctx, const char *word, struct err *err)
{
	struct disk_words *words = ctx;

	if (!words->client.name)
		return client_set_name(ctx, word, err);
	if (!words->resize && strcmp(word, "resize") != 0)
		return err_input(err, -EINVAL,
				 "'%s': a disk can be told to 'resize'", word);
	if (!words->resize) {
		words->resize = true;
		return 0;
	}
	if (words->count == sizeof(words->word) / sizeof(*words->word))
		return err_input(err, -EINVAL,
				 "'%s': a disk and a size are all", word);
	words->word[words->count++] = word;
	return 0;
}

// clang-format off
static const struct cli_option disk_options[] = {
	{ .name = "auto", .letter = 'a',
	  .help = "resize: the size that its image has now",
	  .set = cli_set_true, .offset = offsetof(struct disk_words, measure) },
	CLIENT_JSON,
	CLIENT_NAME,
};
// clang-format on

const struct cli_command disk_command = {
	.name = "disk",
	.summary = "List a guest's disks, or make one larger",
	.usage = "[OPTION]... NAME [resize [DISK] SIZE|--auto]",
	.options = disk_options,
	.option_count = sizeof(disk_options) / sizeof(*disk_options),
	.word = set_word,
	.notes = "SIZE is as in 20G; a bare number is in MiB. An image file "
		 "that is smaller is\n"
		 "extended; a block device has to be as large before. A disk "
		 "does not shrink.\n"
		 "DISK is as listed, and may be left out if there is one.\n",
};

/* Tells the words behind "resize" apart. */
static int sort_words(struct disk_words *words, struct err *err)
{
	const char *size;
	int r;

	if (!words->resize && words->measure)
		return err_input(err, -EINVAL, "--auto: only for 'resize'");
	if (!words->resize)
		return 0;
	if (words->count > 0 && (words->measure || words->count > 1))
		words->disk = words->word[0];
	if (words->measure && words->count > 1)
		return err_input(err, -EINVAL,
				 "'%s': only one of SIZE and --auto is taken",
				 words->word[1]);
	if (words->measure)
		return 0;
	if (words->count == 0)
		return err_input(err, -EINVAL,
				 "resize needs a SIZE, as in 20G, or --auto");
	size = words->word[words->count - 1];
	r = size_parse(size, MIB, &words->size);
	if (r == -EINVAL)
		return err_input(err, r,
				 "'%s': not a size: " SIZE_FORM
				 "; a bare number is in MiB",
				 size);
	if (r < 0 || words->size > INT64_MAX)
		return err_input(err, -ERANGE, "'%s': too large", size);
	return 0;
}

/* One disk, as a machine has told of it. */
struct told_disk {
	const char *id, *file; /* in what was told */
	uint64_t size;
	bool ro;
	bool temp; /* what the guest writes vanishes with it */
};

static bool read_disk(const json_t *told, struct told_disk *ret)
{
	const json_t *in = json_object_get(told, "inserted");

	ret->id = json_string_value(json_object_get(told, "device"));
	ret->file = json_string_value(json_object_get(in, "file"));
	ret->ro = json_is_true(json_object_get(in, "ro"));
	ret->temp = json_is_true(json_object_get(in, "x-vmm-temp"));
	return ret->id && ret->file &&
	       told_get(json_object_get(in, "image"), "virtual-size",
			&ret->size);
}

static int query_disks(struct client *client, json_t **ret, struct err *err)
{
	struct told_disk disk;
	const int r = client_run(client, "query-block", NULL, ret, err);
	bool good = r == 0 && json_is_array(*ret);

	for (size_t i = 0; good && i < json_array_size(*ret); i++)
		good = read_disk(json_array_get(*ret, i), &disk);
	if (r == 0 && !good)
		return err_set(err, -EPROTO,
			       "%s: says of its disks what is unexpected",
			       client->name);
	return r;
}

static void print_disk(const json_t *told)
{
	struct told_disk disk;
	char size[SIZE_TEXT];

	if (!read_disk(told, &disk))
		return;
	told_print(stdout, disk.id, strlen("disk15"));
	(void)printf("  %12s  %-4s  ", size_format(size, disk.size),
		     disk.ro	 ? "ro"
		     : disk.temp ? "temp"
				 : "rw");
	told_print(stdout, disk.file, 0);
	(void)fputc('\n', stdout);
}

static int list_disks(struct client *client, bool as_json, struct err *err)
{
	json_auto_t *disks = NULL;
	const int r = query_disks(client, &disks, err);

	if (r < 0)
		return r;
	if (as_json)
		return cli_print_json(disks, false, err);
	(void)printf("%-6s  %12s  %-4s  %s\n", "DISK", "SIZE", "MODE", "FILE");
	for (size_t i = 0; i < json_array_size(disks); i++)
		print_disk(json_array_get(disks, i));
	return cli_flush(err);
}

static int resize_disk(struct client *client, const struct disk_words *words,
		       const char *disk, struct err *err)
{
	json_t *args = words->measure
			     ? json_pack("{s:s}", "device", disk)
			     : json_pack("{s:s, s:I}", "device", disk, "size",
					 (json_int_t)words->size);

	return client_run(client, "block_resize", args, NULL, err);
}

static int resize_only_disk(struct client *client,
			    const struct disk_words *words, struct err *err)
{
	json_auto_t *disks = NULL;
	struct told_disk disk;
	const int r = query_disks(client, &disks, err);

	if (r < 0)
		return r;
	if (json_array_size(disks) == 0)
		return err_set(err, -ENODEV, "%s has no disk", client->name);
	if (json_array_size(disks) > 1 ||
	    !read_disk(json_array_get(disks, 0), &disk))
		return err_input(err, -EINVAL,
				 "%s has %zu disks: 'vmm disk' lists them, and "
				 "resize needs one's name",
				 client->name, json_array_size(disks));
	return resize_disk(client, words, disk.id, err);
}

int disk_main(int argc, char *const argv[], int *ret_status, struct err *err)
{
	_cleanup_(client_close) struct client client = { .fd = -1 };
	struct disk_words words = { 0 };
	int r;

	(void)ret_status;
	r = client_parse(&disk_command, argc, argv, &words.client, err);
	if (r == 0)
		r = sort_words(&words, err);
	if (r == 0)
		r = client_open(&client, words.client.name, CLIENT_PATIENCE_MS,
				err);
	if (r != 0)
		return r;
	if (!words.resize)
		return list_disks(&client, words.client.json, err);
	if (words.disk)
		return resize_disk(&client, &words, words.disk, err);
	return resize_only_disk(&client, &words, err);
}
