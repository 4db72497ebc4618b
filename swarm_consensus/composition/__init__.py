"""
What a swarm is composed of: swarm.yaml -> a checked `Swarm` -> a list of node specifications.

The launch files turn that list into launch actions, `swarm up` turns it into processes; neither
decides anything of its own. Every parameter of a node is declared here once, for rclpy, for
swarm.yaml, for the default YAML and for the tables of the README.

Rules: the standard library, pyyaml, `decision` and `protocols` only; no ROS. What a person wrote
wrong is collected and shown at once, each with file and line, what is wrong and what was meant.
"""
