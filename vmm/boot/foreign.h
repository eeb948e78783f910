/*
 * vmm/boot/foreign.h - names files that are plainly no kernel for this VMM.
 * [pure]
 *
 * A file that is neither an ELF file nor wrapped in a known way runs as flat
 * code. Run as code, an archive or another machine's kernel hangs in silence,
 * so that such files are refused by name.
 *
 * Source: file(1)'s magic(5) for the common formats; Linux,
 * Documentation/arch/x86/boot.rst, Documentation/arch/arm/booting.rst,
 * Documentation/arch/riscv/boot-image-header.rst and
 * Documentation/driver-api/early-userspace/buffer-format.rst; U-Boot,
 * include/image.h; Android, system/tools/mkbootimg/include/bootimg/bootimg.h;
 * Microsoft PE format.
 */
#ifndef VMM_BOOT_FOREIGN_H
#define VMM_BOOT_FOREIGN_H

#include <stddef.h>
#include <stdint.h>

#define FOREIGN_HEAD 1088 /* bytes of a file that are enough for any name */

/*
 * Names the format of a file, with its article, to follow "it is".
 *
 * @head: the file's first bytes, not trusted
 * @len:  how many there are: FOREIGN_HEAD, or all of a shorter file
 *
 * Returns NULL for a file that may be flat code. Thread: any.
 */
const char *foreign_name(const uint8_t *head, size_t len);

/*
 * Names the method of a compressed file that this VMM cannot unpack. The
 * arguments are those of foreign_name(). Returns NULL for any other file.
 */
const char *foreign_compression(const uint8_t *head, size_t len);

#endif
