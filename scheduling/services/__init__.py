"""What changes posts and deliveries. Every public function is an action."""
