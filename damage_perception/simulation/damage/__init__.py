"""Damage: what does it to a product, to a recorded image, and where."""
