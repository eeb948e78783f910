"""Cases that boot guests; tools/check --suite boot runs them."""
