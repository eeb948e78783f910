"""What the programs in tools/ share: caches, packages, builds, the lab."""
