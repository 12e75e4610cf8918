"""What the detector costs: network time, end-to-end latency and frame rate, beside a plain node."""
