"""tools/check: every test, one suite after the other, counted one by one."""
