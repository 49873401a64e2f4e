"""How simulators, sources, opacities and instruments register.

A plugin's author needs :data:`hookimpl` and the four hooks of :mod:`exosk.plugin.hookspecs`.
"""

from exosk.plugin.hookspecs import hookimpl
from exosk.plugin.manager import PluginManager, PluginRecord, default_manager

__all__ = ["PluginManager", "PluginRecord", "default_manager", "hookimpl"]
