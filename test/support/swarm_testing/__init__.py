"""
What tests of every room share: domain ids, environments on loopback, processes that end.

Nothing here imports ROS, so that tests of the rooms below nodes/ run where there is none.
"""
