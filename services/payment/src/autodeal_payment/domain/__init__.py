"""What a payment is and may become: pure, without input or output; time and ids arrive as arguments."""
