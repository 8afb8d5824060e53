"""Exports of the record as files, each with its proof: read in parts, resumed after any stop."""
