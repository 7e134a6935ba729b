"""CREME: what drives a gene, according to a sequence-to-expression network.

Names are looked up on first use, so that importing the package touches no file, device or heavy library.
"""

from importlib import import_module

__version__ = "0.1.0"

# Public name -> the module that holds it and its name there.
_PUBLIC = {
    "Background": ("mutant", "Background"),
    "BorzoiModel": ("models.borzoi", "BorzoiModel"),
    "Cancelled": ("predictor", "Cancelled"),
    "Edit": ("mutant", "Edit"),
    "EnformerModel": ("models.enformer", "EnformerModel"),
    "Locus": ("locus", "Locus"),
    "Mutant": ("mutant", "Mutant"),
    "Predictor": ("predictor", "Predictor"),
    "Progress": ("predictor", "Progress"),
    "Store": ("store", "Store"),
    "TorchModel": ("models.torch_model", "TorchModel"),
    "compare_additivity": ("experiments.additivity", "compare"),
    "context_dependence": ("experiments.context", "run"),
    "context_swap": ("experiments.swap", "run"),
    "distance": ("experiments.distance", "run"),
    "fine_tile_search": ("experiments.fine_tile", "run"),
    "interaction": ("experiments.interaction", "run"),
    "multiplicity": ("experiments.multiplicity", "run"),
    "set_sufficiency": ("experiments.set_sufficiency", "run"),
    "sufficiency": ("experiments.sufficiency", "run"),
    "dinucleotide_shuffle": ("shuffle", "dinucleotide_shuffle"),
    "load_model": ("models", "load_model"),
    "necessity": ("experiments.necessity", "run"),
    "open_source": ("sources", "open_source"),
}

__all__ = [
    "Background",
    "BorzoiModel",
    "Cancelled",
    "Edit",
    "EnformerModel",
    "Locus",
    "Mutant",
    "Predictor",
    "Progress",
    "Store",
    "TorchModel",
    "compare_additivity",
    "context_dependence",
    "context_swap",
    "dinucleotide_shuffle",
    "distance",
    "fine_tile_search",
    "interaction",
    "load_model",
    "multiplicity",
    "necessity",
    "open_source",
    "set_sufficiency",
    "sufficiency",
]


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'creme_core' has no attribute {name!r}; it has {', '.join(__all__)}")
    module, attribute = _PUBLIC[name]
    value = getattr(import_module(f"creme_core.{module}"), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
