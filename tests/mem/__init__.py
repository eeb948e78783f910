"""Guest memory that goes and comes; tools/check --suite mem runs these."""
