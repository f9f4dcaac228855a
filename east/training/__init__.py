"""Training: pictures and synthetic text, labels, losses, the loop."""
