"""A robot cell with products and damage, rendered as RGB-D by ray casting textured meshes."""
