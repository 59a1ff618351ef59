"""The model that a control asks for, and the ones in force where no control asks."""

from typing import assert_never

from engine.models.base import NEUTRAL, Model
from engine.models.constant import ConstantModel
from engine.models.features import read_weights
from engine.models.feedback import FeedbackModel
from engine.models.logistic import LogisticModel
from schemas.controls import ModelControl
from schemas.errors import SchemaError


def build(control: ModelControl) -> Model:
    """The model of a control. Raises SchemaError that names the weight which cannot be read, or the algorithm."""
    match control.algorithm:
        case "constant":
            return ConstantModel(
                name=control.name,
                version=control.version,
                predicts=control.predicts,
                value=NEUTRAL[control.predicts] if control.value is None else control.value,
                values=control.values,
                cap_ppb=control.cap_ppb,
            )
        case "logistic":
            return LogisticModel(
                name=control.name,
                version=control.version,
                predicts=control.predicts,
                bias=control.bias,
                weights=read_weights(control.weights),
                cap_ppb=control.cap_ppb,
            )
        case "feedback":
            if control.predicts != "user_value":
                raise SchemaError("algorithm", "feedback predicts no " + control.predicts, "predicts: user_value")
            value = NEUTRAL["user_value"] if control.value is None else control.value
            return FeedbackModel(name=control.name, version=control.version, predicts=control.predicts, value=value)
        case unknown:
            assert_never(unknown)


def default_models() -> dict[str, Model]:
    """A constant model for each prediction, by what it predicts."""
    return {
        predicts: ConstantModel(name="built-in", version=0, predicts=predicts, value=value)
        for predicts, value in NEUTRAL.items()
    }
