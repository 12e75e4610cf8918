"""What the detector says while cameras, clocks, processes or the station fail."""
