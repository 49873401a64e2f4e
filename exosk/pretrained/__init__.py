"""Models that are trained already, for any planet: the first answer comes at once."""

from exosk.pretrained.model import PretrainedModel
from exosk.pretrained.recipes import RECIPES
from exosk.pretrained.store import choose_pretrained, load_pretrained

__all__ = ["RECIPES", "PretrainedModel", "choose_pretrained", "load_pretrained"]
