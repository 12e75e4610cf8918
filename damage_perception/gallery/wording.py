"""What LanceDB reports, as one short line that says what to do."""

from __future__ import annotations

import re
from typing import Final

# What the report holds, and what is said in its place; the first that fits counts.
_KNOWN: Final = (
    (r"No space left on device|os error 28\b|os error 27\b", "the disk is full: free some space"),
    (r"Read-only file system|os error 30\b", "its file system is mounted for reading only"),
    (r"Permission denied|os error 13\b", "no permission: mend the owner or mode of the folder"),
    (r"File exists|Not a directory", "there is a file where its folder should be: mend the path"),
    (r"NoSuchBucket", "there is no such bucket: create it, or mend the address"),
    (
        r"InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied|Forbidden|status: 40[13]",
        "the object store refuses the credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
    (
        r"ConnectionRefused|dns error|Connect,|operation timed out",
        "the object store does not answer: check AWS_ENDPOINT and the network",
    ),
    (
        r"No object store provider found for scheme",
        "addresses of this kind are not known: use a path, s3://, gs:// or az://",
    ),
)
_LENGTH: Final = 160


def in_words(error: Exception) -> str:
    """One line for an error of LanceDB or of the operating system."""
    report = str(error)
    for pattern, words in _KNOWN:
        if re.search(pattern, report):
            return words
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    line = " ".join(report.removeprefix("lance error: ").split())
    return line if len(line) <= _LENGTH else f"{line[:_LENGTH]}..."
