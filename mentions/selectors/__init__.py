"""What pages read of conversations: only on accounts that the actor may view."""
