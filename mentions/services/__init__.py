"""What changes conversations and takes mentions in. Every public function is an action."""
