"""Publishing once and on time: claim, attempt, call, settle. See ADR 1 and 3."""
