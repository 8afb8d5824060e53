"""Pages of posts, calendar and approvals."""
