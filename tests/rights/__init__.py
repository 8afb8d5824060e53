"""Who may do what, asked of every address, task and path; and what is on record of it."""
