/* arch/arm64/boot.c - where kernel, initrd and device tree go. */
#include "arch/arm64/boot.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/align.h"
#include "base/bytes.h"
#include "base/size.h"

#define MIB (1ULL << 20)
#define GIB (1ULL << 30)

/* The header. Source: booting.rst, section 4. */
#define HEADER_MAGIC 0x644d5241 /* "ARM\x64" */
enum { TEXT_OFFSET = 8, IMAGE_SIZE = 16, MAGIC = 56, PE_OFFSET = 60 };

/* Source: Microsoft PE format. With the signature, "PE" and two zeroes. */
enum {
	COFF_SECTIONS = 6,
	COFF_OPTIONAL_SIZE = 20,
	COFF_SIZE = 24,
	SECTION_RAW_SIZE = 16,
	SECTION_RAW = 20,
	SECTION_SIZE = 40,
};

#define IMAGE_ALIGN (2 * MIB) /* a kernel's base */
#define OLD_TEXT_OFFSET                                      \
	0x80000 /* of kernels before 3.17, and bare programs \
		 */
#define DATA_ALIGN (64ULL << 10) /* of initrd: a page of any size */
#define INITRD_WINDOW (32 * GIB) /* holds kernel and initrd */
#define LOW (256 * MIB) /* see arm64_place() */

static bool has_header(const uint8_t *head, size_t len)
{
	return len >= ARM64_IMAGE_HEADER &&
	       load_le32(head + MAGIC) == HEADER_MAGIC;
}

int arm64_image_parse(const uint8_t *head, size_t len, uint64_t size,
		      struct arm64_kernel *ret, struct err *err)
{
	struct arm64_kernel kernel = { .size = size,
				       .offset = OLD_TEXT_OFFSET,
				       .align = IMAGE_ALIGN };

	if (has_header(head, len)) {
		const uint64_t offset = load_le64(head + TEXT_OFFSET);
		const uint64_t span = load_le64(head + IMAGE_SIZE);

		/* It lies within 2 MiB in every kernel that ever was. */
		if (offset >= IMAGE_ALIGN)
			return err_input(err, -EBADMSG,
					 "text offset 0x%" PRIx64
					 " in its header is beyond 2 MiB",
					 offset);
		/* Before 3.17 neither field said anything. */
		if (span != 0) {
			kernel.offset = offset;
			kernel.span = span > size ? span : size;
		}
	}
	kernel.bare = !has_header(head, len);
	*ret = kernel;
	return 0;
}

/* Reads @len bytes; false if they are not there. */
static bool peek_image(const struct kernel_image *image, uint64_t offset,
		       void *buf, size_t len)
{
	struct err unused = { 0 };

	return kernel_image_copy(image, offset, buf, len, &unused) == 0;
}

int arm64_image_whole(const struct kernel_image *image, struct err *err)
{
	uint8_t head[ARM64_IMAGE_HEADER], coff[COFF_SIZE], sec[SECTION_SIZE];
	uint64_t at;

	if (!peek_image(image, 0, head, sizeof(head)) ||
	    memcmp(head, "MZ", 2) != 0 || !has_header(head, sizeof(head)))
		return 0;
	at = load_le32(head + PE_OFFSET);
	if (!peek_image(image, at, coff, sizeof(coff)) ||
	    memcmp(coff, "PE\0\0", 4) != 0)
		return 0;
	at += COFF_SIZE + load_le16(coff + COFF_OPTIONAL_SIZE);
	for (unsigned i = load_le16(coff + COFF_SECTIONS); i > 0; i--) {
		uint64_t end;

		if (!peek_image(image, at, sec, sizeof(sec)))
			return 0;
		end = (uint64_t)load_le32(sec + SECTION_RAW) +
		      load_le32(sec + SECTION_RAW_SIZE);
		if (end > image->size)
			return err_input(err, -EBADMSG,
					 "kernel %s: truncated: it has %" PRIu64
					 " bytes of %" PRIu64,
					 image->path, image->size, end);
		at += SECTION_SIZE;
	}
	return 0;
}

void arm64_elf_kernel(const struct elf *elf, const struct range *ram,
		      size_t rams, struct arm64_kernel *ret)
{
	*ret = (struct arm64_kernel){
		.size = elf->span.size,
		.span = elf->span.size,
		.offset = elf->span.start & (IMAGE_ALIGN - 1),
		.align = IMAGE_ALIGN,
		.at = elf->span.start,
	};
	for (size_t i = 0; i < rams && !ret->fixed; i++)
		ret->fixed = range_contains(ram[i], elf->span);
}

/* The free part of a region that is filled from below. */
struct room {
	gpa_t next; /* the first free byte */
	uint64_t left; /* bytes from there */
};

static bool room_align(struct room *room, uint64_t align)
{
	uint64_t up;

	if (!align_up(room->next, align, &up) || up - room->next > room->left)
		return false;
	room->left -= up - room->next;
	room->next = up;
	return true;
}

static bool room_take(struct room *room, uint64_t size, gpa_t *ret)
{
	if (size > room->left)
		return false;
	*ret = room->next;
	room->next += size;
	room->left -= size;
	return true;
}

static bool put_kernel(const struct arm64_kernel *kernel, struct room *room,
		       gpa_t *ret)
{
	const uint64_t span = kernel->span ? kernel->span : kernel->size;
	gpa_t skipped;

	if (kernel->fixed) {
		if (kernel->at < room->next)
			return false;
		return room_take(room, kernel->at - room->next, &skipped) &&
		       room_take(room, span, ret);
	}
	return room_align(room, kernel->align) &&
	       room_take(room, kernel->offset, &skipped) &&
	       room_take(room, span, ret);
}

/* Kernels before 4.2 map the tree with one block of 2 MiB. */
static bool crosses_block(gpa_t at, uint64_t size)
{
	return (at ^ (at + size - 1)) >= IMAGE_ALIGN;
}

static bool put_packed(const struct arm64_payload *payload, struct room *room,
		       struct arm64_placement *ret)
{
	ret->initrd.size = payload->initrd_size;
	ret->dtb.size = payload->dtb_size;
	if (payload->initrd_size > 0 &&
	    (!room_align(room, DATA_ALIGN) ||
	     !room_take(room, payload->initrd_size, &ret->initrd.start)))
		return false;
	if (!room_align(room, payload->dtb_align) ||
	    payload->dtb_size > room->left)
		return false;
	if (crosses_block(room->next, payload->dtb_size) &&
	    !room_align(room, IMAGE_ALIGN))
		return false;
	return room_take(room, payload->dtb_size, &ret->dtb.start);
}

/* Takes @size bytes from the end of what is left. */
static bool room_take_last(struct room *room, uint64_t size, uint64_t align,
			   gpa_t *ret)
{
	gpa_t at;

	if (size > room->left)
		return false;
	at = align_down(room->next + (room->left - size), align);
	if (at < room->next)
		return false;
	room->left = at - room->next;
	*ret = at;
	return true;
}

/* A block of its own for the tree, or the end of a region that has none. */
static bool put_dtb_last(const struct arm64_payload *payload, struct room *room,
			 gpa_t *ret)
{
	const uint64_t size = payload->dtb_size;

	return room_take_last(room, size, IMAGE_ALIGN, ret) ||
	       (room_take_last(room, size, payload->dtb_align, ret) &&
		!crosses_block(*ret, size));
}

static bool put_far(const struct arm64_payload *payload, struct room *room,
		    struct arm64_placement *ret)
{
	ret->initrd.size = payload->initrd_size;
	ret->dtb.size = payload->dtb_size;
	return put_dtb_last(payload, room, &ret->dtb.start) &&
	       (payload->initrd_size == 0 ||
		room_take_last(room, payload->initrd_size, DATA_ALIGN,
			       &ret->initrd.start));
}

static bool in_window(const struct arm64_placement *p)
{
	const gpa_t base = align_down(p->kernel, GIB);

	return p->initrd.size == 0 ||
	       (p->initrd.start - base < INITRD_WINDOW &&
		p->initrd.size <= INITRD_WINDOW - (p->initrd.start - base));
}

static bool place_in(const struct arm64_payload *payload, struct room room,
		     struct arm64_placement *ret)
{
	const bool far = payload->kernel.span == 0;
	struct arm64_placement p = { 0 };

	if (!put_kernel(&payload->kernel, &room, &p.kernel))
		return false;
	if (far ? !put_far(payload, &room, &p)
		: !put_packed(payload, &room, &p))
		return false;
	if (!in_window(&p))
		return false;
	*ret = p;
	return true;
}

static bool place_anywhere(const struct arm64_payload *payload,
			   const struct range *ram, size_t rams,
			   struct arm64_placement *ret)
{
	for (size_t i = 0; i < rams; i++) {
		const struct room all = { ram[i].start, ram[i].size };
		const struct room low = { all.next, LOW };

		if (payload->kernel.span == 0 && all.left > LOW &&
		    place_in(payload, low, ret))
			return true;
		if (place_in(payload, all, ret))
			return true;
	}
	return false;
}

static uint64_t largest_ram(const struct range *ram, size_t rams)
{
	uint64_t size = 0;

	for (size_t i = 0; i < rams; i++)
		size = ram[i].size > size ? ram[i].size : size;
	return size;
}

uint64_t arm64_unpack_limit(const struct range *ram, size_t rams)
{
	const uint64_t room = largest_ram(ram, rams);

	return room < ARM64_UNPACKED_MAX ? room : ARM64_UNPACKED_MAX;
}

int arm64_place(const struct arm64_payload *payload, const struct range *ram,
		size_t rams, struct arm64_placement *ret, struct err *err)
{
	const struct arm64_kernel *kernel = &payload->kernel;
	const uint64_t span = kernel->span ? kernel->span : kernel->size;
	struct arm64_payload alone = *payload;
	struct arm64_placement unused;

	if (place_anywhere(payload, ram, rams, ret))
		return 0;
	alone.initrd_size = 0;
	if (payload->initrd_size > 0 &&
	    place_anywhere(&alone, ram, rams, &unused))
		return err_input(err, -ENOSPC,
				 "initrd %s: its %" PRIu64 " KiB do not fit in "
				 "guest memory with the kernel's %" PRIu64
				 " KiB, the largest region has %" PRIu64 " KiB",
				 payload->initrd_path,
				 size_kib(payload->initrd_size), size_kib(span),
				 largest_ram(ram, rams) >> 10);
	if (kernel->fixed)
		return err_input(err, -ENOSPC,
				 "kernel %s: is for 0x%" PRIx64 " to 0x%" PRIx64
				 ", where guest memory is not or is full",
				 payload->kernel_path, kernel->at,
				 kernel->at + span);
	return err_input(err, -ENOSPC,
			 "kernel %s: its %" PRIu64 " KiB and the device "
			 "tree's %" PRIu64 " do not fit in guest memory, the "
			 "largest region has %" PRIu64 " KiB",
			 payload->kernel_path, size_kib(span),
			 size_kib(payload->dtb_size),
			 largest_ram(ram, rams) >> 10);
}
