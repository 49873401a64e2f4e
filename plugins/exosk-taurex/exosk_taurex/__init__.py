"""TauREx 3 (Al-Refaie et al. 2021, ApJ 917, 37) as a simulator of exosk.

``exosk.get_simulator("taurex", molecules=("H2O", "CO2"))`` makes one; it is
:class:`exosk_taurex.simulator.TaurexSimulator`. Nothing of TauREx is imported before.
"""
