"""What is kept of the items that were reported, for people: a file each, and an index of all."""
