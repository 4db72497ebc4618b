"""
Looking at a swarm while it runs: what `swarm top` and `swarm dashboard` stand on.

`listener.py` hears what the robots publish and keeps the picture (views/).
"""
