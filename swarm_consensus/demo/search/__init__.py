"""
Robots search an area with cameras and lidars, and agree on what stands where (`swarm sim`).

`train.py` trains the model on rendered views, `vision.py` sees with it, `pilot.py` drives,
`robot.py` is what the user's nodes of one robot would be, `mission.py` runs all in one process, and
`report.py` says how it went. Decisions, fusion and allocation are the swarm's own.
"""
