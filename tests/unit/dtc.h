/* tests/unit/dtc.h - what dtc(1), the device tree compiler, finds in a tree. */
#ifndef TESTS_UNIT_DTC_H
#define TESTS_UNIT_DTC_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/test.h"

/* Fails with the first that dtc(1) says of a tree; skipped where there is none.
 */
static void dtc_finds_nothing(const void *dtb, size_t size)
{
	char path[] = "/tmp/dtc.XXXXXX", command[64], said[256] = "";
	const int fd = mkstemp(path);
	FILE *dtc;

	if (system("command -v dtc >/dev/null") != 0) {
		(void)unlink(path);
		(void)close(fd);
		SKIP("there is no dtc");
	}
	assert_int_equal(write(fd, dtb, size), size);
	(void)close(fd);
	(void)snprintf(command, sizeof(command),
		       "dtc -I dtb -O dtb -o /dev/null %s 2>&1", path);
	dtc = popen(command, "re");
	assert_non_null(dtc);
	(void)!fgets(said, sizeof(said), dtc);
	assert_int_equal(pclose(dtc), 0);
	(void)unlink(path);
	assert_string_equal(said, "");
}

#endif
