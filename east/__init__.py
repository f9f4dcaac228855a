"""EAST scene-text detector."""
