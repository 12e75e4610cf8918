"""Services of the detector: judging on request, calibrating, proposing a threshold."""
