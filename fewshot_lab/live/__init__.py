"""The labelling session: labels in, a background refit, an immutable snapshot out."""

from fewshot_lab.live.page_state import GOOD_FOR, KIND_MASK, Desk, Roll, desk_of, forget
from fewshot_lab.live.session import LiveSession
from fewshot_lab.live.snapshot import Snapshot
from fewshot_lab.live.visibility import Sight, sight, suggestions, who

__all__ = [
    "GOOD_FOR",
    "KIND_MASK",
    "Desk",
    "LiveSession",
    "Roll",
    "Sight",
    "Snapshot",
    "desk_of",
    "forget",
    "sight",
    "suggestions",
    "who",
]
