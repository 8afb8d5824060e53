"""Forms of this room. They check shape; what is allowed and sensible the services decide."""
