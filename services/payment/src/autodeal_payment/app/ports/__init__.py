"""What the use cases need of the outside, each port with its fake beside it."""
