"""What pages read; always through the policy."""
