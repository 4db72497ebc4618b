"""Many robots that spread evidence over a radio graph, round by round; one seed is one run."""
