"""What changes people, teams, accounts and grants. Every public function is an action."""
