/* arch/arm64/gic.c - the interrupt controller, which KVM models. */
#include "arch/arm64/gic.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch/arm64/board.h"
#include "arch/arm64/machine.h"
#include "base/cleanup.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/vm.h"

static bool is_irqchip_possible(int vm_fd, enum arm64_irqchip kind)
{
	switch (kind) {
	case ARM64_GIC_V2:
		return kvm_has_device(vm_fd, KVM_DEV_TYPE_ARM_VGIC_V2);
	case ARM64_GIC_V3:
		return kvm_has_device(vm_fd, KVM_DEV_TYPE_ARM_VGIC_V3);
	case ARM64_GIC_V3_ITS:
		return kvm_has_device(vm_fd, KVM_DEV_TYPE_ARM_VGIC_V3) &&
		       kvm_has_device(vm_fd, KVM_DEV_TYPE_ARM_VGIC_ITS);
	default:
		return false;
	}
}

const char *gic_offers(int vm_fd)
{
	const bool v2 = is_irqchip_possible(vm_fd, ARM64_GIC_V2);

	if (is_irqchip_possible(vm_fd, ARM64_GIC_V3_ITS))
		return v2 ? "gicv2, gicv3 and gicv3-its"
			  : "gicv3 and gicv3-its";
	if (is_irqchip_possible(vm_fd, ARM64_GIC_V3))
		return v2 ? "gicv2 and gicv3" : "gicv3";
	return v2 ? "gicv2" : NULL;
}

static int choose_irqchip(const struct vm *vm, enum arm64_irqchip *ret,
			  struct err *err)
{
	const char *word = vm->machine->config->irqchip;
	const int r = arm64_irqchip_parse(word, ret, err);
	const char *offers;

	if (r < 0)
		return r;
	if (*ret == ARM64_GIC_AUTO)
		*ret = is_irqchip_possible(vm->fd, ARM64_GIC_V3) ? ARM64_GIC_V3
								 : ARM64_GIC_V2;
	if (is_irqchip_possible(vm->fd, *ret))
		return 0;
	offers = gic_offers(vm->fd);
	return err_input(err, -ENODEV,
			 "--irqchip %s: this host's KVM offers %s", word,
			 offers ? offers : "none");
}

static int create_irqchip(const struct vm *vm, uint32_t type, int *ret_fd,
			  struct err *err)
{
	struct kvm_create_device dev = { .type = type };
	const int r = kvm_ioctl(vm->fd, KVM_CREATE_DEVICE, &dev, err);

	if (r == 0)
		*ret_fd = (int)dev.fd;
	return r;
}

static int set_address(int fd, uint64_t which, struct range at,
		       const char *what, struct err *err)
{
	return kvm_set_attr(fd, KVM_DEV_ARM_VGIC_GRP_ADDR, which, &at.start,
			    what, err);
}

static int make_v2(struct gic *gic, struct vm *vm,
		   const struct arm64_gic_map *map, struct err *err)
{
	int r = create_irqchip(vm, KVM_DEV_TYPE_ARM_VGIC_V2, &gic->fd, err);

	if (r == 0)
		r = set_address(gic->fd, KVM_VGIC_V2_ADDR_TYPE_DIST, map->dist,
				"distributor address", err);
	if (r == 0)
		r = set_address(gic->fd, KVM_VGIC_V2_ADDR_TYPE_CPU, map->cpu_if,
				"CPU interface address", err);
	return r;
}

static int make_v3(struct gic *gic, struct vm *vm,
		   const struct arm64_gic_map *map, struct err *err)
{
	int r = create_irqchip(vm, KVM_DEV_TYPE_ARM_VGIC_V3, &gic->fd, err);

	if (r == 0)
		r = set_address(gic->fd, KVM_VGIC_V3_ADDR_TYPE_DIST, map->dist,
				"distributor address", err);
	if (r == 0)
		r = set_address(gic->fd, KVM_VGIC_V3_ADDR_TYPE_REDIST,
				map->redist, "redistributor address", err);
	return r;
}

static int make_its(struct gic *gic, struct vm *vm,
		    const struct arm64_gic_map *map, struct err *err)
{
	int r = create_irqchip(vm, KVM_DEV_TYPE_ARM_VGIC_ITS, &gic->its_fd,
			       err);

	if (r == 0)
		r = set_address(gic->its_fd, KVM_VGIC_ITS_ADDR_TYPE, map->its,
				"ITS address", err);
	if (r == 0)
		r = kvm_set_attr(gic->its_fd, KVM_DEV_ARM_VGIC_GRP_CTRL,
				 KVM_DEV_ARM_VGIC_CTRL_INIT, NULL, "ITS start",
				 err);
	return r;
}

/* As few interrupts as will do: the guest sets up each one that there is. */
static int start_gic(struct gic *gic, const struct vm *vm, struct err *err)
{
	const struct bus *bus = &vm->machine->mmio;
	int r;

	gic->irqs = 64;
	for (size_t i = 0; i < bus->count; i++) {
		while (ARM64_SPI(bus->slot[i].irq) >= gic->irqs)
			gic->irqs += 32;
	}
	r = kvm_set_attr(gic->fd, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &gic->irqs,
			 "number of interrupts", err);
	if (r == 0)
		r = kvm_set_attr(gic->fd, KVM_DEV_ARM_VGIC_GRP_CTRL,
				 KVM_DEV_ARM_VGIC_CTRL_INIT, NULL, "GIC start",
				 err);
	return r;
}

int gic_init(struct gic *gic, struct vm *vm, struct err *err)
{
	const struct arm64_gic_map *map = &vm->machine->arch->layout.gic;
	int r;

	*gic = (struct gic){ .fd = -1, .its_fd = -1 };
	r = choose_irqchip(vm, &gic->kind, err);
	if (r < 0)
		return r;
	r = gic->kind == ARM64_GIC_V2 ? make_v2(gic, vm, map, err)
				      : make_v3(gic, vm, map, err);
	if (r == 0)
		r = start_gic(gic, vm, err);
	if (r == 0 && gic->kind == ARM64_GIC_V3_ITS)
		r = make_its(gic, vm, map, err);
	return r;
}

void gic_finish(struct gic *gic)
{
	fd_closep(&gic->its_fd);
	fd_closep(&gic->fd);
	*gic = (struct gic){ .fd = -1, .its_fd = -1 };
}
