"""Our engine as one component of Rasa's graph: intents with a refusal, and entities."""

# mypy: ignore-missing-imports=True, disallow-untyped-decorators=False
from __future__ import annotations

import logging
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from intents.builtin.engine import BuiltinEngine
from intents.builtin.model_store import data_hash, load_model, save_model
from intents.builtin.training import train
from intents.errors import ModelError
from intents.taxonomy import OUT_OF_SCOPE, load_taxonomy
from intents.understanding import Entity, Understanding
from shop_nlu.training_examples import shared_data

_MODEL_FILE = "shop.nlu"
_log = logging.getLogger(__name__)


@DefaultV1Recipe.register(
    [
        DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER,
        DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR,
    ],
    is_trainable=True,
)
class ShopClassifier(GraphComponent, IntentClassifier, EntityExtractorMixin):  # type: ignore[misc]
    """Judges with the model, the calibration and the word lists of the built-in engine.

    It needs no tokenizer and no featurizer. Beside `intent`, `intent_ranking` and `entities`
    it answers `stranger` (the probability that the words fit no intent) and `wants`.
    """

    def __init__(
        self, storage: ModelStorage, resource: Resource, engine: BuiltinEngine | None = None
    ) -> None:
        self._storage = storage
        self._resource = resource
        self._engine = engine

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> ShopClassifier:
        """A component that still has to be trained."""
        return cls(model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> ShopClassifier:
        """The trained component; a model that does not check out stops the load."""
        with model_storage.read_from(resource) as folder:
            model = load_model(folder / _MODEL_FILE)
        if model.data_hash != data_hash(()):
            _log.warning("这个模型是别的版本的代码训练的，判断可能变差。请重新 train 再 swap")
        return cls(model_storage, resource, BuiltinEngine(model))

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """Lets Rasa's training cache see changes of our code and taxonomy."""
        return data_hash(())

    def train(self, training_data: TrainingData) -> Resource:
        """Fit on the examples that Rasa has read, and keep plain arrays."""
        model = train(shared_data(training_data, load_taxonomy()), data_hash=data_hash(()))
        with self._storage.write_to(self._resource) as folder:
            save_model(model, folder / _MODEL_FILE)
        self._engine = BuiltinEngine(model)
        return self._resource

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Nothing behind this component learns from its answers."""
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Set the verdict on each message."""
        if self._engine is None:
            raise ModelError("ShopClassifier 还没有训练。请先运行 python -m intents.rasa train")
        for message in messages:
            verdict = self._engine.judge(str(message.get("text") or ""))
            for name, value in _answer(verdict).items():
                message.set(name, value, add_to_output=True)
            entities = self.add_extractor_name([_entity(one) for one in verdict.entities])
            message.set("entities", (message.get("entities") or []) + entities, True)
        return messages


def _answer(verdict: Understanding) -> dict[str, Any]:
    ranking = [_named(one.intent, one.confidence) for one in verdict.ranking]
    ranking.append(_named(OUT_OF_SCOPE, verdict.stranger))
    ranking.sort(key=lambda one: -float(one["confidence"]))
    return {
        "intent": _named(verdict.intent, verdict.confidence),
        "intent_ranking": ranking,
        "stranger": verdict.stranger,
        "wants": [_named(one.intent, one.confidence) for one in verdict.wants],
    }


def _named(intent: str, confidence: float) -> dict[str, Any]:
    return {"name": intent, "confidence": confidence}


def _entity(entity: Entity) -> dict[str, Any]:
    return {
        "entity": entity.name,
        "start": entity.start,
        "end": entity.end,
        "value": entity.value,
    }
