"""Pristine products: forms, print, labels, wear."""
