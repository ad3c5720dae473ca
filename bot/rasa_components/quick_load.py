"""Loads DIET and TED without building the graphs that only training needs.

To learn the shapes of its weights Rasa trains each model on one example before it reads the trained ones. Traced into
a graph that took most of every start and hundreds of megabytes; done eagerly, once, it takes neither. The prediction
graph is traced as usual, so that answers are the same and as fast. For processes that never train.
"""

from __future__ import annotations

import sys
from typing import Any


def prepare() -> None:
    """Call before a model is loaded."""
    # TensorFlow Lite imports jax where it is installed, for a converter that nobody uses here.
    sys.modules.setdefault("jax", None)  # type: ignore[arg-type]

    from rasa.utils.tensorflow.models import RasaModel

    fit = RasaModel.fit

    def fit_eagerly(model: Any, *args: Any, **options: Any) -> Any:
        before = model.run_eagerly
        model.run_eagerly = True
        try:
            return fit(model, *args, **options)
        finally:
            model.run_eagerly = before

    RasaModel.fit = fit_eagerly
