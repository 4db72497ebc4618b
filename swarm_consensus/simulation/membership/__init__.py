"""
The membership of many robots on virtual time: the real `Swim` of each, over a radio that loses.

One seed is one run: air.py has the robots, the radio and the time, storm.py draws what goes wrong,
and checks.py holds what is promised. `bench/membership.py` measures with the same.
"""
