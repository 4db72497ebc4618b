"""
Agreement without a leader and without any assumption on time, also with liars among the robots.

`subset.py` has one instance, built of `broadcast.py` (a robot's input reaches all or nobody) and
of `binary.py` or `graded.py` (whether it is in); `quorum.py` says how many robots each rule counts
to, `messages.py` what goes between robots, and `voice.py` holds that a robot never contradicts
itself.
"""
