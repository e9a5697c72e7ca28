"""What a labelling session publishes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers import Fitted
from fewshot_lab.evaluation import (
    AuditReport,
    CrossValidation,
    Disagreement,
    ReferenceTest,
    Suspect,
)
from fewshot_lab.sampling import Suggestion


@dataclass(frozen=True)
class Snapshot:
    """Everything that follows from the labels up to one position of the log.

    Attributes
    ----------
    rev : int
        Grows by one with every snapshot of this process.
    position : int
        The log's position that the labels were read at.
    ids : list of str
        All embedded images; rows of every array below.
    row : dict
        Image id to row.
    class_ids : tuple of int
        Columns of ``probabilities``.
    probabilities : array (N, K) or None
    predicted : array (N,)
        Class ids, -1 without a classifier.
    confidence, margin : array (N,)
        The probability of what is predicted, and how far the highest is above the second.
    predicted_at : int
        The position of the labels that what is predicted rests on. Where it is later than
        ``position``, the last choice of classifier was only fitted on newer labels; all else,
        figures above all, is of the labels at ``position``.
    whole : bool
        Whether these are this classifier's of all images; where not, some thousand and those with
        a label have them, and the others what the snapshot before said until the next one comes.
    cv : CrossValidation or None
    audit_report : AuditReport or None
        All that the audit set says.
    disagreement : Disagreement or None
        Where cross-validation claims more than the audit bears out.
    test : ReferenceTest or None
        What the reference test set says; None where there is none.
    suspects : tuple of Suspect
    unlike : frozenset of str
        Images unlike anything labelled, by the newest comparison: some labels behind.
    suggestions : tuple of Suggestion
    pairs : mapping
        Annotator to the two classes that they want to be told apart.
    between : mapping
        Such a pair to the suggestions that dwell on it; none for classes it cannot tell yet.
    sentence, name : str
        What was chosen, by how much.
    fitted : Fitted or None
    fit_seconds : float
        From reading the labels to this snapshot.
    at : float
        ``time.time()``.
    message : str
        Why there is no classifier, else "".
    """

    rev: int
    position: int
    ids: list[str] = field(repr=False)
    row: dict[str, int] = field(repr=False)
    class_ids: tuple[int, ...] = ()
    probabilities: NDArray[np.float32] | None = field(default=None, repr=False)
    predicted: NDArray[np.int64] = field(
        default_factory=lambda: np.empty(0, dtype=np.int64), repr=False
    )
    confidence: NDArray[np.float32] = field(
        default_factory=lambda: np.empty(0, dtype=np.float32), repr=False
    )
    margin: NDArray[np.float32] = field(
        default_factory=lambda: np.empty(0, dtype=np.float32), repr=False
    )
    predicted_at: int = -1
    whole: bool = True
    cv: CrossValidation | None = None
    audit_report: AuditReport | None = field(default=None, repr=False)
    disagreement: Disagreement | None = None
    test: ReferenceTest | None = field(default=None, repr=False)
    suspects: tuple[Suspect, ...] = field(default=(), repr=False)
    unlike: frozenset[str] = field(default=frozenset(), repr=False)
    suggestions: tuple[Suggestion, ...] = field(default=(), repr=False)
    pairs: Mapping[str, tuple[int, int]] = field(default_factory=dict, repr=False)
    between: Mapping[tuple[int, int], tuple[Suggestion, ...]] = field(
        default_factory=dict, repr=False
    )
    sentence: str = ""
    name: str = ""
    fitted: Fitted | None = field(default=None, repr=False)
    fit_seconds: float = 0.0
    at: float = 0.0
    message: str = ""
