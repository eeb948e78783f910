/* tests/kvm/arm64/alive_its.h - interrupts by the GICv3's translation service.
 */
#ifndef TESTS_KVM_ARM64_ALIVE_ITS_H
#define TESTS_KVM_ARM64_ALIVE_ITS_H

#include <stdbool.h>
#include <stdint.h>

#define ITS_LPI 8192 /* the interrupt that its_send() makes pending */

/* Sets the service up, if there is one: on CPU 0, for which it all is. */
bool its_begin(void);

/* The address of the word that has the interrupt's pending bit. */
uint64_t its_pending_word(void);

/* Has the service send the interrupt. */
void its_send(void);

#endif
