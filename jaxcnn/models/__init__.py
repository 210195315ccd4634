"""The networks, one file for each paper; they depend on nothing else of this project."""
