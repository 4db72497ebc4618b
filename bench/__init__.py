"""
What the package costs and how fast it is: `make bench`, `make bench ONLY=name`.

Each module here has `rows()`, which measures and returns its rows (docs/development.md, Figures).
Everything runs on loopback. Ratios are between figures of the same run: machines are noisy.
"""
