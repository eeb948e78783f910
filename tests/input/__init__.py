"""Cases of bad input; tools/check --suite input runs them."""
