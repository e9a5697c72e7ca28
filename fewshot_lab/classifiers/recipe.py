"""What a comparison of classifiers came to, which can be fitted on any labels."""

from dataclasses import dataclass

import numpy as np

from fewshot_lab.classifiers.candidates import Candidate, Labels, coefficients
from fewshot_lab.classifiers.models import Linear, Model, TwoViews
from fewshot_lab.classifiers.probability_maps import Map, Softmax, Vector
from fewshot_lab.classifiers.stacking import Stack
from fewshot_lab.classifiers.svm import Machine, Sigmoid


@dataclass(frozen=True)
class Recipe:
    """A chosen classifier with its settings and its calibration.

    Attributes
    ----------
    candidate : Candidate
    scale : float
        By which scores are divided before the map.
    map : Map
        From scores to probabilities.
    """

    candidate: Candidate
    scale: float
    map: Map

    @property
    def reads_unlabelled(self) -> bool:
        """Whether it looks at unlabelled images, too."""
        chosen = self.candidate
        return isinstance(chosen, Stack) and any(m.family == "pooled" for m in chosen.members)

    def fit(self, labels: Labels) -> Model:
        """Fit on all labels."""
        chosen, map = self.candidate, self.map
        if chosen.family == "rbf-svm":
            gamma, C = chosen.setting
            return Machine.fit(
                labels.pool, labels.X, labels.y, gamma, C, map, labels.rows, soft=labels.soft
            )
        if isinstance(chosen, Stack):
            parts = chosen.coefficients(labels)
        else:
            parts = [coefficients(chosen.family, chosen.setting, labels)]
        parts = [W / np.float32(self.scale) for W in parts]
        if isinstance(map, Vector):
            slopes = map.slopes.astype(np.float32)
            parts = [(W - W.mean(axis=1, keepdims=True)) * slopes for W in parts]
            parts[0][-1] += map.offsets.astype(np.float32)
            map = Softmax(1.0)
        plain = Linear.of(labels.pool, parts[0], map)
        if len(parts) == 1:
            return plain
        return TwoViews(plain, Linear.of(labels.pool.levelled, parts[1], map), map)

    def parameters(self, labels: Labels) -> dict[str, float]:
        """Return the settings by name, as they apply to these labels."""
        family, setting = self.candidate.family, self.candidate.setting
        machine = family == "rbf-svm"
        parameters = dict(zip(("gamma", "C"), setting, strict=True)) if machine else {}
        if isinstance(self.map, Sigmoid):
            parameters |= {"slope": self.map.slope, "offset": self.map.offset}
        if machine:
            return parameters
        parameters["C" if family == "logreg" else "shrinkage"] = setting
        if family == "stack" and len(labels.spare):
            parameters["unlabelled images"] = len(labels.spare)
        return parameters | {"temperature": self.scale}
