"""What references say of items, and when they no longer serve."""
