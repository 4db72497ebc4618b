"""
Parameters of models, shared between robots: how they are described, rounded, cut, sent and merged.

`architecture` says what the parameters of a model look like and `blobs` how a large value is cut
into chunks that are known by what they hold.
"""
