"""
The embedded world as a ROS node: it speaks what the bridge of Gazebo would.

`world.py` runs it at a pace, `messages.py` says what its sensors see, `sim_node.py` is the node.
"""
