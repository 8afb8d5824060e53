"""What changes in this room: where alerts go."""
