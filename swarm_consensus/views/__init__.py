"""
The picture of a swarm for people: what is made of what the robots tell, and how it looks as text.

Rules of this room: values in, values out; no ROS, no clock (whoever tells and looks says when it
is), no thread, no file. Everything told here was said by somebody else, so it is bounded, and never
trusted to be consistent: what contradicts itself is shown as such.
"""
