"""Where references are kept: tables, journal, undo, copies."""
