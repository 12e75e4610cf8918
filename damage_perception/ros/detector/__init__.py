"""The detector node: receiving, pairing, running the inspector, publishing, its health."""
