"""Where the cameras of a station are to each other: a board seen by several at once."""
