/*
 * devices/virtio/mmio.h - virtio over memory-mapped registers.
 *
 * A window of VIRTIO_MMIO_SIZE bytes and one interrupt pin. On an edge line
 * each event is one interrupt; a level line is high until the driver has
 * acknowledged all. The driver reads from the window what it was. Version 2 of
 * the registers; drivers of the time before virtio 1.0 find no device they
 * know.
 *
 * Each queue has a doorbell. A kick that arrives as a write rings the same
 * eventfd, so a board with doorbells and one without differ only in speed.
 *
 * Source: Virtual I/O Device (VIRTIO) 1.2, section 4.2; Linux
 * Documentation/devicetree/bindings/virtio/mmio.yaml.
 */
#ifndef DEVICES_VIRTIO_MMIO_H
#define DEVICES_VIRTIO_MMIO_H

#include "base/err.h"
#include "devices/device.h"
#include "devices/virtio/virtio.h"

#define VIRTIO_MMIO_SIZE 0x200 /* of the window, in bytes */
#define VIRTIO_MMIO_COMPATIBLE "virtio,mmio"

/*
 * Gives a virtio device a register window.
 *
 * @vio: taken over, failure included; freed with the device
 * @irq: an edge line, or a level line: the board's choice
 *
 * Returns 0 or -ENOMEM.
 */
int virtio_mmio_new(struct device **ret, struct virtio *vio,
		    struct irq_line irq, struct err *err);

#endif
