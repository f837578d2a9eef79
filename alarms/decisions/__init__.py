"""What people decide: bodies, the chain that seals them, the slices that they concern."""
