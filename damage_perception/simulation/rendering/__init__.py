"""What a depth camera sees: geometry, light, surroundings, sensor."""
