"""The detector's gallery: kept in step with the store, and changed on request."""
