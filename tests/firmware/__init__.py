"""Cases of UEFI firmware; tools/check --suite firmware runs them."""
