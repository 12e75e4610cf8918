"""The recorder node: keeps what people want to look at later."""
