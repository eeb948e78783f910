/* tests/unit/test_virtio_queue.c - devices/virtio/queue.c. */
#include <errno.h>
#include <linux/virtio_config.h>
#include <string.h>

#include "devices/virtio/queue.h"
#include "tests/unit/test.h"
#include "tests/unit/virtq_driver.h"

#define EVENT_IDX (1ULL << VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT (1ULL << VIRTIO_RING_F_INDIRECT_DESC)

#define NEXT VRING_DESC_F_NEXT
#define WRITE VRING_DESC_F_WRITE
#define TABLE VRING_DESC_F_INDIRECT

/* Both sides of one queue. */
struct pair {
	struct fake_ram ram;
	struct fake_queue driver;
	struct virtq q;
	struct virtq_chain chain;
};

static void place(struct pair *p)
{
	p->q.size = p->driver.size;
	p->q.desc = p->driver.desc;
	p->q.avail = p->driver.avail;
	p->q.used = p->driver.used;
}

static void begin(struct pair *p, uint16_t size, uint64_t features)
{
	ram_init(&p->ram);
	queue_alloc(&p->driver, &p->ram, size);
	virtq_init(&p->q, &p->ram.map, VIRTQ_MAX_SIZE);
	place(p);
	assert_int_equal(virtq_enable(&p->q, features), 0);
}

static void end(struct pair *p)
{
	ram_finish(&p->ram);
}

static gpa_t buffer(struct pair *p, size_t len)
{
	return ram_alloc(&p->ram, len, 1);
}

/* Offers one chain of the given descriptors, from entry 0 on. */
static int pop_descs(struct pair *p, const struct vring_desc *desc, size_t n)
{
	for (unsigned i = 0; i < n; i++)
		desc_write(&p->ram, p->driver.desc, i, desc[i]);
	queue_offer(&p->driver, 0);
	return virtq_pop(&p->q, &p->chain);
}

static void assert_broken(struct pair *p, const char *why)
{
	assert_non_null(p->q.fault);
	assert_non_null(strstr(p->q.fault, why));
	/* It stays broken, and takes nothing back. */
	assert_int_equal(virtq_pop(&p->q, &p->chain), -EINVAL);
	assert_int_equal(virtq_push(&p->q, 0, 0), -EINVAL);
	assert_false(virtq_wants_interrupt(&p->q));
}

/* A chain of these descriptors breaks the queue, for this reason. */
static void refuses(uint64_t features, const struct vring_desc *desc, size_t n,
		    const char *why)
{
	struct pair p;

	begin(&p, 8, features);
	(void)buffer(&p, 64);
	assert_int_equal(pop_descs(&p, desc, n), -EINVAL);
	assert_broken(&p, why);
	end(&p);
}

#define REFUSES(features, why, ...)                                     \
	refuses((features), (const struct vring_desc[]){ __VA_ARGS__ }, \
		sizeof((struct vring_desc[]){ __VA_ARGS__ }) /          \
			sizeof(struct vring_desc),                      \
		(why))

static void enable__bad_sizes_and_places_are_refused(void **state)
{
	static const struct {
		uint16_t size;
		gpa_t desc, avail, used;
	} bad[] = {
		{ 0, RAM_BASE, RAM_BASE, RAM_BASE },
		{ 3, RAM_BASE, RAM_BASE, RAM_BASE },
		{ VIRTQ_MAX_SIZE * 2, RAM_BASE, RAM_BASE, RAM_BASE },
		{ 8, RAM_BASE + 8, RAM_BASE, RAM_BASE },
		{ 8, RAM_BASE, RAM_BASE + 1, RAM_BASE },
		{ 8, RAM_BASE, RAM_BASE, RAM_BASE + 2 },
		{ 8, RAM_BASE - 16, RAM_BASE, RAM_BASE },
		{ 8, 0, RAM_BASE, RAM_BASE },
		{ 8, UINT64_MAX - 15, RAM_BASE, RAM_BASE },
		{ 8, RAM_BASE, UINT64_MAX - 1, RAM_BASE },
		{ 8, RAM_BASE, RAM_BASE, UINT64_MAX - 3 },
		{ 8, RAM_BASE, RAM_BASE, ROM_BASE },
		{ 8, RAM_BASE, RAM_BASE, RAM_END - 68 },
		{ 8, RAM_BASE, ROM_BASE + 0x1000 - 20, RAM_BASE },
	};
	struct fake_ram ram;

	(void)state;
	ram_init(&ram);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct virtq q;

		virtq_init(&q, &ram.map, VIRTQ_MAX_SIZE);
		q.size = bad[i].size;
		q.desc = bad[i].desc;
		q.avail = bad[i].avail;
		q.used = bad[i].used;
		assert_int_equal(virtq_enable(&q, 0), -EINVAL);
		assert_false(q.enabled);
		assert_non_null(q.fault);
	}
	ram_finish(&ram);
}

static void enable__last_byte_of_memory_is_taken(void **state)
{
	struct fake_ram ram;
	struct virtq q;

	(void)state;
	ram_init(&ram);
	virtq_init(&q, &ram.map, VIRTQ_MAX_SIZE);
	q.size = 1;
	q.desc = ROM_BASE; /* the device only reads these two */
	q.avail = ROM_BASE + 0x1000 - 8;
	q.used = RAM_END - 16;
	assert_int_equal(virtq_enable(&q, 0), 0);
	ram_finish(&ram);
}

static void pop__nothing_offered_is_nothing(void **state)
{
	struct pair p;

	(void)state;
	begin(&p, 8, 0);
	assert_int_equal(virtq_pop(&p.q, &p.chain), 0);
	virtq_disable(&p.q);
	queue_offer(&p.driver, 0);
	assert_int_equal(virtq_pop(&p.q, &p.chain), 0);
	assert_null(p.q.fault);
	end(&p);
}

static void pop__a_chain_is_readable_then_writable(void **state)
{
	struct pair p;
	gpa_t a, b;

	(void)state;
	begin(&p, 8, 0);
	a = buffer(&p, 10);
	b = buffer(&p, 20);
	queue_send(&p.driver,
		   (struct range[]){ { a, 10 }, { b, 5 }, { b + 5, 15 } }, 1,
		   3);
	assert_int_equal(virtq_pop(&p.q, &p.chain), 1);
	assert_int_equal(p.chain.head, 0);
	assert_int_equal(p.chain.readable, 1);
	assert_int_equal(p.chain.count, 3);
	assert_ptr_equal(p.chain.iov[0].iov_base, ram_at(&p.ram, a));
	assert_int_equal(p.chain.iov[0].iov_len, 10);
	assert_ptr_equal(p.chain.iov[2].iov_base, ram_at(&p.ram, b + 5));
	assert_int_equal(p.chain.iov[2].iov_len, 15);
	assert_int_equal(virtq_pop(&p.q, &p.chain), 0);
	end(&p);
}

static void pop__a_buffer_across_regions_is_two_pieces(void **state)
{
	struct pair p;

	(void)state;
	begin(&p, 8, 0);
	queue_send(&p.driver, &(struct range){ RAM_BORDER - 3, 7 }, 0, 1);
	assert_int_equal(virtq_pop(&p.q, &p.chain), 1);
	assert_int_equal(p.chain.readable, 0);
	assert_int_equal(p.chain.count, 2);
	assert_int_equal(p.chain.iov[0].iov_len, 3);
	assert_ptr_equal(p.chain.iov[1].iov_base, p.ram.host[1]);
	assert_int_equal(p.chain.iov[1].iov_len, 4);
	end(&p);
}

static void pop__a_ring_may_lie_across_regions(void **state)
{
	struct pair p;
	uint32_t id, len;

	(void)state;
	begin(&p, 8, 0);
	virtq_disable(&p.q);
	p.driver.desc = RAM_BORDER - 16;
	p.driver.used = RAM_BORDER + 0x1000 - 8;
	p.driver.avail = RAM_BORDER + 0x2000;
	place(&p);
	assert_int_equal(virtq_enable(&p.q, 0), 0);
	for (unsigned i = 0; i < 20; i++) {
		const struct range buf[] = { { RAM_BASE, 1 }, { RAM_BASE, 2 } };
		uint16_t head = queue_send(&p.driver, buf, 1, 2);

		assert_int_equal(virtq_pop(&p.q, &p.chain), 1);
		assert_int_equal(virtq_push(&p.q, p.chain.head, i), 0);
		assert_true(queue_take(&p.driver, &id, &len));
		assert_int_equal(id, head);
		assert_int_equal(len, i);
	}
	end(&p);
}

static void pop__indices_wrap(void **state)
{
	struct pair p;
	uint32_t id, len;

	(void)state;
	begin(&p, 4, 0);
	for (unsigned i = 0; i < 0x10010; i++) {
		queue_send(&p.driver, &(struct range){ RAM_BASE, 1 }, 1, 1);
		assert_int_equal(virtq_pop(&p.q, &p.chain), 1);
		assert_int_equal(virtq_push(&p.q, p.chain.head, 0), 0);
		assert_true(queue_take(&p.driver, &id, &len));
	}
	assert_int_equal(virtq_pop(&p.q, &p.chain), 0);
	end(&p);
}

static void pop__a_full_ring_is_taken_one_more_is_a_fault(void **state)
{
	struct pair p;

	(void)state;
	begin(&p, 4, 0);
	for (unsigned i = 0; i < 4; i++)
		queue_send(&p.driver, &(struct range){ RAM_BASE, 1 }, 1, 1);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(virtq_pop(&p.q, &p.chain), 1);
	assert_int_equal(virtq_pop(&p.q, &p.chain), 0);

	queue_set_word(&p.driver, p.driver.avail + 2, 4 + 5);
	assert_int_equal(virtq_pop(&p.q, &p.chain), -EINVAL);
	assert_broken(&p, "jumped");
	end(&p);
}

static void pop__an_index_that_goes_back_is_a_fault(void **state)
{
	struct pair p;

	(void)state;
	begin(&p, 8, 0);
	queue_send(&p.driver, &(struct range){ RAM_BASE, 1 }, 1, 1);
	assert_int_equal(virtq_pop(&p.q, &p.chain), 1);
	queue_set_word(&p.driver, p.driver.avail + 2, 0);
	assert_int_equal(virtq_pop(&p.q, &p.chain), -EINVAL);
	assert_broken(&p, "jumped");
	end(&p);
}

static void pop__a_head_out_of_range_is_a_fault(void **state)
{
	struct pair p;

	(void)state;
	begin(&p, 8, 0);
	queue_offer(&p.driver, 8);
	assert_int_equal(virtq_pop(&p.q, &p.chain), -EINVAL);
	assert_broken(&p, "out of range");
	end(&p);
}

static void pop__what_no_driver_may_do_is_a_fault(void **state)
{
	(void)state;
	REFUSES(0, "out of range", { RAM_BASE, 1, NEXT, 8 });
	REFUSES(0, "out of range", { RAM_BASE, 1, NEXT, 0xffff });
	REFUSES(0, "loop", { RAM_BASE, 1, NEXT, 0 });
	REFUSES(0, "loop", { RAM_BASE, 1, NEXT, 1 }, { RAM_BASE, 1, NEXT, 0 });
	REFUSES(0, "no length", { RAM_BASE, 0, 0, 0 });
	REFUSES(0, "after a writable", { RAM_BASE, 1, WRITE | NEXT, 1 },
		{ RAM_BASE, 1, 0, 0 });
	REFUSES(0, "not memory", { RAM_BASE - 1, 2, 0, 0 });
	REFUSES(0, "not memory", { 0, 1, 0, 0 });
	REFUSES(0, "not memory", { UINT64_MAX, 1, 0, 0 });
	REFUSES(0, "not memory", { UINT64_MAX, 2, 0, 0 });
	REFUSES(0, "not memory", { RAM_BASE, UINT32_MAX, 0, 0 });
	REFUSES(0, "not memory", { ROM_BASE, 1, WRITE, 0 });
	REFUSES(0, "not memory", { ROM_BASE - 1, 2, WRITE, 0 });
}

static void pop__bad_indirect_tables_are_faults(void **state)
{
	const uint64_t f = INDIRECT;

	(void)state;
	REFUSES(0, "not negotiated", { RAM_BASE, 16, TABLE, 0 });
	REFUSES(f, "wrong place", { RAM_BASE, 16, TABLE | NEXT, 1 });
	REFUSES(f, "bad length", { RAM_BASE, 0, TABLE, 0 });
	REFUSES(f, "bad length", { RAM_BASE, 17, TABLE, 0 });
	REFUSES(f, "bad length", { UINT64_MAX - 15, 32, TABLE, 0 });
	REFUSES(f, "not memory", { RAM_BASE - 16, 16, TABLE, 0 });
	REFUSES(f, "not memory", { ROM_BASE + 0xff8, 16, TABLE, 0 });
}

static void pop__an_indirect_table_is_followed(void **state)
{
	struct pair p;
	gpa_t table;

	(void)state;
	begin(&p, 2, INDIRECT);
	table = ram_alloc(&p.ram, 48, 16);
	desc_write(&p.ram, table, 0,
		   (struct vring_desc){ RAM_BASE, 1, NEXT, 2 });
	desc_write(&p.ram, table, 2,
		   (struct vring_desc){ RAM_BASE, 2, WRITE, 0 });
	desc_write(&p.ram, p.driver.desc, 0,
		   (struct vring_desc){ RAM_BASE, 3, NEXT, 1 });
	/* WRITE means nothing here. */
	desc_write(&p.ram, p.driver.desc, 1,
		   (struct vring_desc){ table, 48, TABLE | WRITE, 0 });
	queue_offer(&p.driver, 0);

	assert_int_equal(virtq_pop(&p.q, &p.chain), 1);
	assert_int_equal(p.chain.readable, 2);
	assert_int_equal(p.chain.count, 3);
	assert_int_equal(p.chain.iov[0].iov_len, 3);
	assert_int_equal(p.chain.iov[1].iov_len, 1);
	assert_int_equal(p.chain.iov[2].iov_len, 2);
	end(&p);
}

/* Offers an indirect chain of @n buffers in a table of @n entries. */
static int pop_indirect(struct pair *p, unsigned n)
{
	const gpa_t table = ram_alloc(&p->ram, (size_t)n * 16, 16);

	for (unsigned i = 0; i < n; i++)
		desc_write(
			&p->ram, table, i,
			(struct vring_desc){ RAM_BASE, 1,
					     (uint16_t)(i + 1 < n ? NEXT : 0),
					     (uint16_t)(i + 1) });
	return pop_descs(p, &(struct vring_desc){ table, n * 16, TABLE, 0 }, 1);
}

static void pop__an_indirect_chain_is_as_long_as_a_queue(void **state)
{
	struct pair p;

	(void)state;
	begin(&p, 8, INDIRECT);
	assert_int_equal(pop_indirect(&p, VIRTQ_MAX_SIZE), 1);
	assert_int_equal(p.chain.count, VIRTQ_MAX_SIZE);
	assert_int_equal(pop_indirect(&p, VIRTQ_MAX_SIZE + 1), -EINVAL);
	assert_broken(&p, "too long");
	end(&p);
}

static void pop__tables_in_tables_and_past_the_end_are_faults(void **state)
{
	static const struct {
		struct vring_desc desc;
		const char *why;
	} bad[] = {
		{ { RAM_BASE, 16, TABLE, 0 }, "wrong place" },
		{ { RAM_BASE, 1, NEXT, 1 }, "out of range" },
		{ { RAM_BASE, 1, NEXT, 0 }, "loop" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct pair p;
		gpa_t table;

		begin(&p, 8, INDIRECT);
		table = ram_alloc(&p.ram, 16, 16);
		desc_write(&p.ram, table, 0, bad[i].desc);
		assert_int_equal(
			pop_descs(&p,
				  &(struct vring_desc){ table, 16, TABLE, 0 },
				  1),
			-EINVAL);
		assert_broken(&p, bad[i].why);
		end(&p);
	}
}

/* The worst a chain can do: each buffer covers both regions. */
static void pop__overlapping_buffers_do_not_overrun(void **state)
{
	struct pair p;
	gpa_t table;

	(void)state;
	begin(&p, 8, INDIRECT);
	table = ram_alloc(&p.ram, VIRTQ_MAX_SIZE * 16, 16);
	for (unsigned i = 0; i < VIRTQ_MAX_SIZE; i++)
		desc_write(&p.ram, table, i,
			   (struct vring_desc){ RAM_BASE, 2 * RAM_SIZE, NEXT,
						(uint16_t)(i + 1) });
	assert_int_equal(
		pop_descs(&p,
			  &(struct vring_desc){ table, VIRTQ_MAX_SIZE * 16,
						TABLE, 0 },
			  1),
		-EINVAL);
	assert_true(p.chain.count <= VIRTQ_MAX_IOV);
	end(&p);
}

static void pop__kicks_are_asked_for_only_when_empty(void **state)
{
	struct pair p;
	const gpa_t flags = 0;

	(void)state;
	begin(&p, 8, 0);
	queue_send(&p.driver, &(struct range){ RAM_BASE, 1 }, 1, 1);
	queue_send(&p.driver, &(struct range){ RAM_BASE, 1 }, 1, 1);
	assert_int_equal(virtq_pop(&p.q, &p.chain), 1);
	assert_int_equal(queue_word(&p.driver, p.driver.used + flags), 0);
	assert_int_equal(virtq_pop(&p.q, &p.chain), 1);
	assert_int_equal(virtq_pop(&p.q, &p.chain), 0);
	assert_int_equal(queue_word(&p.driver, p.driver.used + flags), 0);

	queue_send(&p.driver, &(struct range){ RAM_BASE, 1 }, 1, 1);
	assert_int_equal(virtq_pop(&p.q, &p.chain), 1);
	assert_int_equal(queue_word(&p.driver, p.driver.used + flags),
			 VRING_USED_F_NO_NOTIFY);
	assert_int_equal(virtq_pop(&p.q, &p.chain), 0);
	assert_int_equal(queue_word(&p.driver, p.driver.used + flags), 0);
	end(&p);
}

static void pop__event_index_names_the_next_chain(void **state)
{
	struct pair p;
	gpa_t event;

	(void)state;
	begin(&p, 8, EVENT_IDX);
	event = p.driver.used + 4 + 8 * 8;
	for (uint16_t i = 1; i < 20; i++) {
		queue_send(&p.driver, &(struct range){ RAM_BASE, 1 }, 1, 1);
		assert_int_equal(virtq_pop(&p.q, &p.chain), 1);
		assert_int_equal(queue_word(&p.driver, event), i - 1);
		assert_int_equal(virtq_pop(&p.q, &p.chain), 0);
		assert_int_equal(queue_word(&p.driver, event), i);
	}
	assert_int_equal(queue_word(&p.driver, p.driver.used), 0);
	end(&p);
}

static void push__order_is_free(void **state)
{
	struct pair p;
	uint16_t head[3];
	uint32_t id, len;

	(void)state;
	begin(&p, 8, 0);
	for (unsigned i = 0; i < 3; i++) {
		queue_send(&p.driver, &(struct range){ RAM_BASE, 9 }, 0, 1);
		assert_int_equal(virtq_pop(&p.q, &p.chain), 1);
		head[i] = p.chain.head;
	}
	for (unsigned i = 3; i-- > 0;)
		assert_int_equal(virtq_push(&p.q, head[i], i), 0);
	for (unsigned i = 3; i-- > 0;) {
		assert_true(queue_take(&p.driver, &id, &len));
		assert_int_equal(id, head[i]);
		assert_int_equal(len, i);
	}
	assert_false(queue_take(&p.driver, &id, &len));
	end(&p);
}

static void give_back(struct pair *p)
{
	queue_send(&p->driver, &(struct range){ RAM_BASE, 1 }, 1, 1);
	assert_int_equal(virtq_pop(&p->q, &p->chain), 1);
	assert_int_equal(virtq_push(&p->q, p->chain.head, 0), 0);
}

static void interrupt__only_for_news_and_if_wanted(void **state)
{
	struct pair p;

	(void)state;
	begin(&p, 8, 0);
	assert_false(virtq_wants_interrupt(&p.q));
	give_back(&p);
	give_back(&p);
	assert_true(virtq_wants_interrupt(&p.q));
	assert_false(virtq_wants_interrupt(&p.q));

	queue_set_word(&p.driver, p.driver.avail, VRING_AVAIL_F_NO_INTERRUPT);
	give_back(&p);
	assert_false(virtq_wants_interrupt(&p.q));
	end(&p);
}

static void interrupt__event_index_says_which_entry(void **state)
{
	struct pair p;
	gpa_t event;

	(void)state;
	begin(&p, 8, EVENT_IDX);
	event = p.driver.avail + 4 + 2 * 8;
	queue_set_word(&p.driver, event, 2);
	give_back(&p);
	give_back(&p);
	assert_false(virtq_wants_interrupt(&p.q));
	give_back(&p);
	assert_true(virtq_wants_interrupt(&p.q));
	give_back(&p);
	assert_false(virtq_wants_interrupt(&p.q));

	/* In the middle of a batch, and across the wrap. */
	for (unsigned i = 4; i < 0xfffe; i++)
		give_back(&p);
	(void)virtq_wants_interrupt(&p.q);
	queue_set_word(&p.driver, event, 0xffff);
	for (unsigned i = 0; i < 4; i++)
		give_back(&p);
	assert_true(virtq_wants_interrupt(&p.q));
	end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enable__bad_sizes_and_places_are_refused),
		cmocka_unit_test(enable__last_byte_of_memory_is_taken),
		cmocka_unit_test(pop__nothing_offered_is_nothing),
		cmocka_unit_test(pop__a_chain_is_readable_then_writable),
		cmocka_unit_test(pop__a_buffer_across_regions_is_two_pieces),
		cmocka_unit_test(pop__a_ring_may_lie_across_regions),
		cmocka_unit_test(pop__indices_wrap),
		cmocka_unit_test(pop__a_full_ring_is_taken_one_more_is_a_fault),
		cmocka_unit_test(pop__an_index_that_goes_back_is_a_fault),
		cmocka_unit_test(pop__a_head_out_of_range_is_a_fault),
		cmocka_unit_test(pop__what_no_driver_may_do_is_a_fault),
		cmocka_unit_test(pop__bad_indirect_tables_are_faults),
		cmocka_unit_test(pop__an_indirect_table_is_followed),
		cmocka_unit_test(pop__an_indirect_chain_is_as_long_as_a_queue),
		cmocka_unit_test(
			pop__tables_in_tables_and_past_the_end_are_faults),
		cmocka_unit_test(pop__overlapping_buffers_do_not_overrun),
		cmocka_unit_test(pop__kicks_are_asked_for_only_when_empty),
		cmocka_unit_test(pop__event_index_names_the_next_chain),
		cmocka_unit_test(push__order_is_free),
		cmocka_unit_test(interrupt__only_for_news_and_if_wanted),
		cmocka_unit_test(interrupt__event_index_says_which_entry),
	};

	return RUN_TESTS(tests);
}
