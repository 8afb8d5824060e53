"""What the pages of this room and the metrics read."""
