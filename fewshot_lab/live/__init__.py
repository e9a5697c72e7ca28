"""The labelling session: labels in, a background refit, an immutable snapshot out."""

from fewshot_lab.live._session import LiveSession
from fewshot_lab.live._snapshot import Snapshot

__all__ = ["LiveSession", "Snapshot"]
