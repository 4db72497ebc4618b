"""
Parameters of models, shared between robots: how they are described, rounded, cut, sent and merged.

`architecture` says what the parameters of a model look like and `blobs` how a large value is cut
into chunks that are known by what they hold. `contributions` are who has sent what, `transfer` gets
the chunks of it across, `quantise` and `merge` are the arithmetic, `workshop` puts that to work on
blobs, and `exchange` says what is to be fetched and made so that the version in force is here.
"""
