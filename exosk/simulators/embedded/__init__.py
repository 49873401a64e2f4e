"""The table of equilibrium abundances that comes with exosk, and `build.py`, which makes it."""
