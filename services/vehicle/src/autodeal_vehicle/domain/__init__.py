"""What a vehicle and an order are and may become: pure, without I/O, time and ids as arguments."""
