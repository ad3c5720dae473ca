"""Spares Rasa work that only training, or nobody, needs. For processes that never train.

Loading: to learn the shapes of its weights Rasa trains each model on one example before it reads the trained ones. Traced into
a graph that took most of every start and hundreds of megabytes; done eagerly, once, it takes neither. The prediction
graph is traced as usual, so that answers are the same and as fast.

Answering: Rasa checks each answer of the action server against a JSON schema, and first checks that schema itself, each
time anew. That was half of its work in a turn; the schema never changes, so it is checked once.
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
    _compile_response_schema()


def _compile_response_schema() -> None:
    from jsonschema.validators import validator_for
    from rasa.core.actions.action import RemoteAction

    schema = RemoteAction.action_response_format_spec()
    kind = validator_for(schema)
    kind.check_schema(schema)
    validator = kind(schema)

    def validate(_action: Any, result: dict[str, Any]) -> bool:
        validator.validate(result)  # raises ValidationError, as Rasa's own does
        return True

    RemoteAction._validate_action_result = validate
