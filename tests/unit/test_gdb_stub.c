/* tests/unit/test_gdb_stub.c - vmm/debug/gdb_stub.c and gdb_packet.c. A fake
 * guest of two vCPUs has four registers and 64 bytes of memory at 0x1000. */
#include "vmm/debug/gdb_stub.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/test.h"

#define BASE 0x1000
#define MEMORY 64

struct rig {
	struct gdb_stub stub;
	uint8_t reg[2][16], memory[MEMORY];
	struct gdb_resume how; /* of the last resume */
	unsigned resumes, interrupts, kills;
	char point[64]; /* the last one that was set or taken away */
	bool physical; /* the last access was */
	char said[3 * GDB_PACKET_MAX]; /* the last answer's payload */
};

static size_t find_register(unsigned n, size_t *ret_offset)
{
	*ret_offset = n * 4;
	return n < 4 ? 4 : 0;
}

static const struct gdb_registers registers = { "<target/>", 16,
						find_register };

static unsigned two_cpus(void *ctx)
{
	(void)ctx;
	return 2;
}

static int get_registers(void *ctx, unsigned cpu, uint8_t *ret)
{
	memcpy(ret, ((struct rig *)ctx)->reg[cpu], 16);
	return 0;
}

static int put_registers(void *ctx, unsigned cpu, const uint8_t *bytes)
{
	memcpy(((struct rig *)ctx)->reg[cpu], bytes, 16);
	return 0;
}

static bool has_memory(uint64_t addr, size_t len)
{
	return addr >= BASE && addr - BASE <= MEMORY &&
	       len <= MEMORY - (addr - BASE);
}

static int get_memory(void *ctx, unsigned cpu, bool physical, uint64_t addr,
		      uint8_t *ret, size_t len)
{
	struct rig *rig = ctx;

	(void)cpu;
	rig->physical = physical;
	if (!has_memory(addr, len))
		return -EFAULT;
	memcpy(ret, rig->memory + (addr - BASE), len);
	return 0;
}

static int put_memory(void *ctx, unsigned cpu, bool physical, uint64_t addr,
		      const uint8_t *bytes, size_t len)
{
	struct rig *rig = ctx;

	(void)cpu;
	rig->physical = physical;
	if (!has_memory(addr, len))
		return -EFAULT;
	memcpy(rig->memory + (addr - BASE), bytes, len);
	return 0;
}

static int note_point(void *ctx, enum gdb_point point, uint64_t addr,
		      uint64_t len, bool set)
{
	struct rig *rig = ctx;

	if (point == GDB_POINT_READ)
		return -ENOTSUP;
	(void)snprintf(rig->point, sizeof(rig->point), "%d %d %x %u", set,
		       (int)point, (unsigned)addr, (unsigned)len);
	return 0;
}

static int note_resume(void *ctx, const struct gdb_resume *how)
{
	struct rig *rig = ctx;

	rig->how = *how;
	rig->resumes++;
	return 0;
}

static void note_interrupt(void *ctx)
{
	((struct rig *)ctx)->interrupts++;
}

static void note_kill(void *ctx)
{
	((struct rig *)ctx)->kills++;
}

static const struct gdb_target_ops ops = {
	.cpus = two_cpus,
	.read_registers = get_registers,
	.write_registers = put_registers,
	.read_memory = get_memory,
	.write_memory = put_memory,
	.set_point = note_point,
	.resume = note_resume,
	.interrupt = note_interrupt,
	.kill = note_kill,
};

static void begin(struct rig *rig)
{
	*rig = (struct rig){ 0 };
	gdb_stub_begin(&rig->stub, &ops, rig, &registers);
	for (unsigned i = 0; i < 16; i++) {
		rig->reg[0][i] = (uint8_t)i;
		rig->reg[1][i] = (uint8_t)(0x10 + i);
	}
	for (unsigned i = 0; i < MEMORY; i++)
		rig->memory[i] = (uint8_t)i;
}

/* Takes what the stub has sent, as packets. Keeps the last one's payload. */
static unsigned take_answers(struct rig *rig)
{
	struct gdb_reader reader = { 0 };
	unsigned packets = 0;

	for (size_t i = 0; i < rig->stub.out_len; i++) {
		if (gdb_read_byte(&reader, rig->stub.out[i]) != GDB_PACKET)
			continue;
		packets++;
		memcpy(rig->said, reader.payload, reader.len + 1);
	}
	assert_int_equal(reader.state, 0);
	gdb_stub_sent(&rig->stub, rig->stub.out_len);
	return packets;
}

static void send_payload(struct rig *rig, const char *payload, size_t len)
{
	static uint8_t packet[2 * GDB_PACKET_MAX + 4];
	const size_t size = gdb_write_packet(packet, (const uint8_t *)payload,
					     len);

	assert_int_equal(gdb_stub_receive(&rig->stub, packet, size), size);
}

/* What the stub answers; NULL: it does not answer. */
static const char *ask(struct rig *rig, const char *payload)
{
	send_payload(rig, payload, strlen(payload));
	return take_answers(rig) ? rig->said : NULL;
}

#define ASK(payload, answer) assert_string_equal(ask(&rig, payload), answer)

static void packets__are_acknowledged_until_told_not_to(void **state)
{
	static const uint8_t damaged[] = "$g#00";
	struct rig rig;

	(void)state;
	begin(&rig);
	send_payload(&rig, "qC", 2);
	assert_int_equal(rig.stub.out[0], '+');
	(void)take_answers(&rig);
	(void)gdb_stub_receive(&rig.stub, damaged, sizeof(damaged) - 1);
	assert_int_equal(rig.stub.out_len, 1);
	assert_int_equal(rig.stub.out[0], '-');
	(void)take_answers(&rig);
	ASK("QStartNoAckMode", "OK");
	send_payload(&rig, "qC", 2);
	assert_int_equal(rig.stub.out[0], '$');
}

static void registers__of_each_cpu_are_read_and_written(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	ASK("g", "000102030405060708090a0b0c0d0e0f");
	ASK("p2", "08090a0b");
	ASK("p4", "E16");
	ASK("pffffffffffffffffff", "E16");
	ASK("Hg2", "OK");
	ASK("p0", "10111213");
	ASK("P1=deadBEEF", "OK");
	assert_memory_equal(rig.reg[1] + 4, "\xde\xad\xbe\xef", 4);
	ASK("P1=dead", "E16");
	ASK("P1=deadbeeg", "E16");
	ASK("G00", "E16");
	ASK("G000102030405060708090a0b0c0d0e0f", "OK");
	assert_memory_equal(rig.reg[1], rig.reg[0], 16);
	ASK("Hg3", "E16");
	ASK("Hgp1.1", "OK");
	ASK("T2", "OK");
	ASK("T3", "E16");
}

static void memory__is_read_and_written_within_limits(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	ASK("m1000,4", "00010203");
	ASK("m103e,4", "E0e");
	ASK("m1000,ffff", "E16");
	ASK("m1000", "E16");
	ASK("M1000,2:aabb", "OK");
	ASK("M1000,2:aab", "E16");
	ASK("m1000,3", "aabb02");
	assert_false(rig.physical);
	ASK("Qqemu.PhyMemMode:1", "OK");
	ASK("qqemu.PhyMemMode", "1");
	ASK("m1001,1", "bb");
	assert_true(rig.physical);
	/* Bytes that the framing has words for. */
	send_payload(&rig, "X1010,4:$#}*", 12);
	(void)take_answers(&rig);
	assert_string_equal(rig.said, "OK");
	assert_memory_equal(rig.memory + 16, "$#}*", 4);
	ASK("X0,0:", "OK");
}

static void points__are_set_and_taken_away(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	ASK("Z0,1004,4", "OK");
	assert_string_equal(rig.point, "1 0 1004 4");
	ASK("z2,1008,8", "OK");
	assert_string_equal(rig.point, "0 2 1008 8");
	ASK("Z3,1000,4", ""); /* which this guest has not */
	ASK("Z5,1000,4", "");
	ASK("Z0,1004", "E16");
}

static void resume__says_who_goes_on(void **state)
{
	static const struct {
		const char *packet;
		struct gdb_resume how;
	} cases[] = {
		{ "c", { 0, false, true } },
		{ "s", { 0, true, true } },
		{ "vCont;c", { 0, false, true } },
		{ "vCont;s:2;c", { 1, true, true } },
		{ "vCont;s:p1.2;c:p1.-1", { 1, true, true } },
		{ "vCont;s:2", { 1, true, false } },
		{ "vCont;c:1", { 0, false, false } },
		{ "vCont;C05:2;c", { 1, false, true } },
	};
	const struct gdb_stop stop = { .why = GDB_WHY_STEP };
	struct rig rig;

	(void)state;
	begin(&rig);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_null(ask(&rig, cases[i].packet));
		assert_int_equal(rig.resumes, i + 1);
		assert_int_equal(rig.how.cpu, cases[i].how.cpu);
		assert_int_equal(rig.how.steps, cases[i].how.steps);
		assert_int_equal(rig.how.others, cases[i].how.others);
		gdb_stub_stopped(&rig.stub, &stop);
		(void)take_answers(&rig);
		assert_string_equal(rig.said, "T05thread:1;");
	}
	ASK("vCont", "E16");
	ASK("vCont;r1,2:1", "E16");
	ASK("vCont;s:9", "E16");
	ASK("vCont?", "vCont;c;C;s;S");
}

static void stop__tells_why(void **state)
{
	const struct gdb_stop watched = { GDB_WHY_WATCH, 1, 0x1234,
					  GDB_POINT_ACCESS };
	const struct gdb_stop broken = { .why = GDB_WHY_SOFTWARE, .cpu = 1 };
	const uint8_t interrupt = 3;
	struct rig rig;

	(void)state;
	begin(&rig);
	ASK("?", "T02thread:1;");
	(void)ask(&rig, "qSupported:multiprocess+;swbreak+;hwbreak+");
	assert_null(ask(&rig, "c"));
	/* While it runs, gdb may ask for nothing but a stop. */
	assert_null(ask(&rig, "g"));
	(void)gdb_stub_receive(&rig.stub, &interrupt, 1);
	assert_int_equal(rig.interrupts, 1);
	gdb_stub_stopped(&rig.stub, &watched);
	(void)take_answers(&rig);
	assert_string_equal(rig.said, "T05thread:2;awatch:1234;");
	/* Now it stands: there is nothing to stop. */
	(void)gdb_stub_receive(&rig.stub, &interrupt, 1);
	assert_int_equal(rig.interrupts, 1);
	assert_null(ask(&rig, "c"));
	gdb_stub_stopped(&rig.stub, &broken);
	(void)take_answers(&rig);
	assert_string_equal(rig.said, "T05thread:2;swbreak:;");
	ASK("p0", "10111213"); /* of the vCPU that stopped */
}

static void queries__are_answered(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	assert_non_null(
		strstr(ask(&rig, "qSupported"), "qXfer:features:read+"));
	ASK("qXfer:features:read:target.xml:0,5", "m<targ");
	ASK("qXfer:features:read:target.xml:5,fff", "let/>");
	ASK("qXfer:features:read:target.xml:ff,1", "E16");
	ASK("qXfer:features:read:other.xml:0,5", "E00");
	ASK("qfThreadInfo", "m1,2");
	ASK("qsThreadInfo", "l");
	ASK("qThreadExtraInfo,2", "4350552031");
	ASK("qAttached", "1");
	ASK("qUnheardOf", "");
	ASK("vUnheardOf", "");
	ASK("!", "");
	ASK("", "");
}

static void session__ends_by_either_side(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig);
	ASK("D", "OK");
	assert_true(rig.stub.left);
	begin(&rig);
	ASK("vKill;1", "OK");
	assert_int_equal(rig.kills, 1);
	begin(&rig);
	assert_null(ask(&rig, "k"));
	assert_true(rig.stub.left && rig.kills == 1);
	begin(&rig);
	assert_null(ask(&rig, "c"));
	gdb_stub_ended(&rig.stub);
	(void)take_answers(&rig);
	assert_string_equal(rig.said, "W00");
}

/* More than a packet may be, and no end of it. */
static void packets__that_are_too_long_are_refused(void **state)
{
	static const uint8_t x = 'x';
	struct rig rig;

	(void)state;
	begin(&rig);
	(void)gdb_stub_receive(&rig.stub, (const uint8_t *)"$", 1);
	for (unsigned i = 0; i < 3 * GDB_PACKET_MAX; i++)
		assert_int_equal(gdb_stub_receive(&rig.stub, &x, 1), 1);
	(void)gdb_stub_receive(&rig.stub, (const uint8_t *)"#00", 3);
	assert_int_equal(rig.stub.out[0], '-');
	(void)take_answers(&rig);
	ASK("qC", "QC1");
}

/* Answers that nobody takes hold up what asks for more. */
static void answers__that_wait_are_bounded(void **state)
{
	uint8_t packet[64];
	const size_t len = gdb_write_packet(packet, (const uint8_t *)"m1000,40",
					    8);
	struct rig rig;
	unsigned asked = 0;

	(void)state;
	begin(&rig);
	while (gdb_stub_receive(&rig.stub, packet, len) == len)
		assert_true(++asked < 1000);
	assert_true(asked > 10);
	assert_true(take_answers(&rig) >= asked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets__are_acknowledged_until_told_not_to),
		cmocka_unit_test(packets__that_are_too_long_are_refused),
		cmocka_unit_test(registers__of_each_cpu_are_read_and_written),
		cmocka_unit_test(memory__is_read_and_written_within_limits),
		cmocka_unit_test(points__are_set_and_taken_away),
		cmocka_unit_test(resume__says_who_goes_on),
		cmocka_unit_test(stop__tells_why),
		cmocka_unit_test(queries__are_answered),
		cmocka_unit_test(session__ends_by_either_side),
		cmocka_unit_test(answers__that_wait_are_bounded),
	};

	return RUN_TESTS(tests);
}
