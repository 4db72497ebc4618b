"""
Subjects and their policies: from the robots' evidence to a proposal, and from the log to decisions.

No clock, thread or file here: time comes in as integer nanoseconds, every function is determined
by what it is given. Imports `protocols` only.
"""
