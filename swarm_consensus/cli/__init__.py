"""
`swarm <verb>`: one file a verb.

A verb is a module here whose name does not begin with `_`, with `add_arguments(parser)` and
`run(arguments) -> int`, the exit code: 0 fine, 1 it went wrong, 2 what was asked is wrong. The
first line of its docstring is its help; it is read without importing the module, so a verb may
import ROS and still cost the others nothing.
"""
