"""petitRADTRANS as a simulator of exosk.

Nothing here is imported by hand: ``exosk.get_simulator("petitradtrans", molecules=...)`` finds it.
"""
