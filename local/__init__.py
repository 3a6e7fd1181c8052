"""The same house on a laptop: the embedded AWS, the real deployment into it, the demo. Development only."""
