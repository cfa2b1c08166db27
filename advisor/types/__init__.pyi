# ruff: noqa: F403 - a stub passes on what it imports with a star
from advisor.types.answer import *
from advisor.types.asked import *
from advisor.types.decided import *
from advisor.types.files import *
from advisor.types.machine import *
from advisor.types.measured import *
from advisor.types.words import *
