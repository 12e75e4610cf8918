"""The barcode node: codes of the cameras' images and of a scanner become announcements."""
