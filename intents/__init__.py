"""The NLU layer: a customer's words in, an Understanding out. Imports nothing of the bot."""

from __future__ import annotations

from intents.builtin.engine import BuiltinEngine as BuiltinEngine
from intents.builtin.model_store import load_model as load_model
from intents.builtin.model_store import load_or_train as load_or_train
from intents.engine import NluEngine as NluEngine
from intents.errors import NluError as NluError
from intents.taxonomy import OUT_OF_SCOPE as OUT_OF_SCOPE
from intents.taxonomy import Intent as Intent
from intents.taxonomy import Taxonomy as Taxonomy
from intents.taxonomy import load_taxonomy as load_taxonomy
from intents.training_data import load_training_data as load_training_data
from intents.understanding import Entity as Entity
from intents.understanding import Ranked as Ranked
from intents.understanding import Understanding as Understanding
