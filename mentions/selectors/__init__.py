"""What pages read of mentions; always through the policy."""
