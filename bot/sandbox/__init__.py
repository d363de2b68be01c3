"""A WeCom platform on localhost, for trying, showing and testing without an account."""

from __future__ import annotations

from .api.call import Call as Call
from .api.dispatch import answer as answer
from .app import create_app as create_app
from .clock import TurnableClock as TurnableClock
from .crypto import Envelope as Envelope
from .errors import ApiError as ApiError
from .faults import Fault as Fault
from .keys import PLATFORM as PLATFORM
from .keys import SENDER as SENDER
from .platform import Platform as Platform
from .pushes import Push as Push
from .sample import CUSTOMERS as CUSTOMERS
from .sample import DEFAULT_ACCOUNT as DEFAULT_ACCOUNT
from .sample import GUIDES as GUIDES
from .sessions import State as State
from .settings import SandboxSettings as SandboxSettings
