"""References: views of pristine products, the store they are kept in, and what uses them."""
