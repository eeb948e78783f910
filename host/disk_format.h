/*
 * host/disk_format.h - recognises disk images that are not raw.
 *
 * A disk shows a file's bytes as they are. With an image in another format the
 * guest would see the metadata, and its first write would destroy the image.
 */
#ifndef HOST_DISK_FORMAT_H
#define HOST_DISK_FORMAT_H

#include <stddef.h>
#include <stdint.h>

/* How much of each end of an image has to be looked at, in bytes. */
#define DISK_FORMAT_BYTES 512

/*
 * Returns the name of the format, static; NULL: the image may be raw. Nothing
 * but the magic numbers is read.
 *
 * @head, @tail: the first and the last DISK_FORMAT_BYTES of the image; not
 *               trusted
 *
 * Source: QEMU, docs/interop/qcow2.txt, qed_spec.txt, parallels.txt; VMware,
 * Virtual Disk Format 5.0; Microsoft, Virtual Hard Disk Image Format
 * Specification and [MS-VHDX] section 2.2.1; VirtualBox, VDICore.h.
 */
const char *disk_format(const uint8_t head[DISK_FORMAT_BYTES],
			const uint8_t tail[DISK_FORMAT_BYTES]);

#endif
