"""Posts, deliveries, approvals, media, and the engine that publishes once and on time."""
