/* tests/unit/test_migrate_packed.c - pages that are compressed on their way:
 * vmm/migrate/packer.c, and both sides by migrate_rig.h. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/zstd_frame.h"
#include "tests/unit/migrate_rig.h"
#include "tests/unit/test.h"
#include "vmm/migrate/packer.h"

#define MANY 40 /* pieces: more than a packer has room for */
#define PIECE_PAGES UINT64_C(16)
#define PIECE ((size_t)(PIECE_PAGES * PAGE))

static const struct migrate_wish packed_wish = { .downtime = 3600 * SECOND,
						 .compress = 3 };

static void fill_random(uint8_t *at, size_t size)
{
	unsigned seed = 7;

	for (size_t i = 0; i < size; i++)
		at[i] = (uint8_t)(rand_r(&seed) >> 8);
}

static void migrate__a_compressed_guest_arrives(void **state)
{
	struct migrate_rig *rig = migrate_rig_new();
	struct migrate_progress p;

	(void)state;
	rig->busy = 2;
	migrate_rig_run(rig, &packed_wish);
	migrate_rig_check(rig);
	migrate_job_progress(rig->job, &p);
	assert_int_equal(p.state, MIGRATE_COMPLETED);
	assert_true(p.pages >= 20);
	/* Each page is one byte, repeated. */
	assert_true(p.sent < 2 * PAGE);
	migrate_rig_free(rig);
}

/* What does not get smaller goes as it is. */
static void migrate__random_pages_arrive(void **state)
{
	struct migrate_rig *rig = migrate_rig_new();
	struct migrate_progress p;

	(void)state;
	for (uint64_t page = 20; page < PAGES; page += 2) {
		migrate_rig_write(rig, page, 1);
		fill_random(rig->backing.host + page * PAGE, PAGE);
	}
	migrate_rig_run(rig, &packed_wish);
	migrate_rig_check(rig);
	migrate_job_progress(rig->job, &p);
	assert_true(p.sent > (PAGES - 20) / 2 * PAGE);
	migrate_rig_free(rig);
}

static void cut__at_any_byte_of_compressed_pages(void **state)
{
	struct migrate_rig *rig = migrate_rig_new();
	unsigned seed = 3, failed = 0, lost = 0;
	uint64_t there;

	(void)state;
	migrate_rig_run(rig, &packed_wish);
	there = rig->relay.passed_there;
	migrate_rig_free(rig);
	for (unsigned i = 0; i < 100; i++) {
		rig = migrate_rig_new();
		rig->relay.there = (unsigned)rand_r(&seed) % there;
		migrate_rig_run(rig, &packed_wish);
		migrate_rig_check(rig);
		failed += migrate_rig_state(rig) == MIGRATE_FAILED;
		lost += migrate_rig_state(rig) == MIGRATE_LOST;
		migrate_rig_free(rig);
	}
	/* Those that were cut in the word to go. */
	assert_true(lost < 10);
	assert_int_equal(failed + lost, 100);
}

static void check_piece(const struct packed *packed, uint64_t first,
			const uint8_t *content)
{
	static uint8_t got[PIECE];
	ZSTD_DCtx *zstd = ZSTD_createDCtx();

	assert_int_equal(packed->pages.first, first);
	assert_memory_equal(packed->host, content, PIECE);
	assert_non_null(packed->frame);
	assert_true(packed->size < PIECE);
	assert_int_equal(zstd_frame_unpack(zstd, packed->frame, packed->size,
					   got, PIECE),
			 0);
	assert_memory_equal(got, content, PIECE);
	assert_int_equal(zstd_frame_unpack(zstd, packed->frame,
					   packed->size - 1, got, PIECE),
			 -EBADMSG);
	assert_int_equal(zstd_frame_unpack(zstd, packed->frame, packed->size,
					   got, PIECE - 1),
			 -EBADMSG);
	(void)ZSTD_freeDCtx(zstd);
}

/* As version 0.5 wrote it. */
static void unpack__an_old_form_is_refused(void **state)
{
	static const uint8_t frame[] = { 0x25, 0xb5, 0x2f, 0xfd,
					 0x0c, 0xc0, 0x00, 0x00 };
	ZSTD_DCtx *zstd = ZSTD_createDCtx();
	uint8_t got[16];

	(void)state;
	for (size_t len = 0; len <= sizeof(frame); len++)
		assert_int_equal(
			zstd_frame_unpack(zstd, frame, len, got, sizeof(got)),
			-EBADMSG);
	(void)ZSTD_freeDCtx(zstd);
}

static void packer__gives_back_in_order(void **state)
{
	uint8_t *content = malloc(MANY * PIECE);
	struct packer *packer = NULL;
	uint64_t put = 0, taken = 0;
	struct packed packed;
	struct err err;

	(void)state;
	assert_non_null(content);
	assert_int_equal(packer_new(&packer, 1, &err), 0);
	assert_true(packer_is_empty(packer));
	while (taken < MANY) {
		const struct stream_pages pages = { .state = IMAGE_DATA,
						    .first = put,
						    .count = PIECE_PAGES };

		if (put < MANY && !packer_is_full(packer)) {
			memset(content + put * PIECE, (int)put, PIECE);
			packer_put(packer, &pages, content + put * PIECE);
			put++;
			continue;
		}
		packer_take(packer, &packed);
		check_piece(&packed, taken, content + taken * PIECE);
		taken++;
	}
	assert_true(packer_is_empty(packer));
	packer = packer_free(packer);
	free(content);
}

static void packer__ends_with_work_left(void **state)
{
	const struct stream_pages pages = { .state = IMAGE_DATA,
					    .count = PIECE_PAGES };
	static uint8_t content[PIECE];
	struct packer *packer = NULL;
	struct err err;

	(void)state;
	assert_int_equal(packer_new(&packer, 19, &err), 0);
	while (!packer_is_full(packer))
		packer_put(packer, &pages, content);
	packer = packer_free(packer);
	assert_null(packer);
}

/* Sends a message of compressed pages, and returns how it is taken. */
static int read_packed(const struct stream_pages *pages, size_t size)
{
	static const uint8_t frame[2 * PAGE];
	struct channel near = CHANNEL_NONE, far = CHANNEL_NONE;
	struct stream_message message;
	struct stream_pages got;
	struct err err = { 0 };
	int pair[2], r;

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	channel_open(&near, pair[0], pair[0], 0);
	channel_open(&far, pair[1], pair[1], 0);
	assert_int_equal(stream_send_packed(&near, pages, frame, size, &err),
			 0);
	r = stream_read_header(&far, &message, &err);
	if (r == 0)
		r = stream_read_pages(&far, &message, &got, &err);
	channel_close(&near);
	channel_close(&far);
	assert_true(r == 0 || err.msg[0]);
	return r;
}

static void stream__lying_sizes_are_refused(void **state)
{
	const struct stream_pages good = { .state = IMAGE_DATA, .count = 2 };
	struct stream_pages bad = good;

	(void)state;
	assert_int_equal(read_packed(&good, 2 * PAGE - 1), 0);
	assert_int_equal(read_packed(&good, 1), 0);
	assert_int_equal(read_packed(&good, 0), -EBADMSG);
	/* It would not have been compressed. */
	assert_int_equal(read_packed(&good, 2 * PAGE), -EBADMSG);
	bad.count = 0;
	assert_int_equal(read_packed(&bad, 1), -EBADMSG);
	bad.count = STREAM_DATA_MAX / IMAGE_PAGE + 1;
	assert_int_equal(read_packed(&bad, 1), -EBADMSG);
	bad.count = UINT64_MAX / IMAGE_PAGE + 2;
	assert_int_equal(read_packed(&bad, 1), -EBADMSG);
	bad = good;
	bad.state = IMAGE_ZERO;
	assert_int_equal(read_packed(&bad, 1), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(migrate__a_compressed_guest_arrives),
		cmocka_unit_test(migrate__random_pages_arrive),
		cmocka_unit_test(cut__at_any_byte_of_compressed_pages),
		cmocka_unit_test(unpack__an_old_form_is_refused),
		cmocka_unit_test(packer__gives_back_in_order),
		cmocka_unit_test(packer__ends_with_work_left),
		cmocka_unit_test(stream__lying_sizes_are_refused),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return RUN_TESTS(tests);
}
