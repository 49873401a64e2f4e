"""The opacity tables that come with exosk, and `build.py`, which makes them."""
