"""What comes in: polling, the shared inbox, conversations and replies."""
