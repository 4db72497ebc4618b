"""
The demonstration: robots read handwritten signs together, and the leader is killed half-way.

Everything in it is real: the digits are scikit-learn's 1,797 scans, the model is trained here and
runs in the robots' inference_nodes, and the robots are processes that agree over DDS. The demo
itself only shows the signs, listens, kills, and keeps the score. `search/` is another one, in a
simulated world (`swarm sim`).
"""
