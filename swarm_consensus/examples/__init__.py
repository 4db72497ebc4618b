"""
Examples to start from: what a user writes to live with the swarm.

Rules: an example uses what every user has, the client or the topics, and nothing from inside the
package. Each is run by a test.
"""
