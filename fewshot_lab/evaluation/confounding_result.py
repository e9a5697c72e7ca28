"""What a column of the images' data has to do with a classifier, as figures."""

from collections.abc import Mapping
from dataclasses import dataclass

from fewshot_lab.evaluation.confounder_probe import Probe
from fewshot_lab.evaluation.left_out import LeftOut
from fewshot_lab.evaluation.robustness_index import RobustnessIndex
from fewshot_lab.stats import Interval


@dataclass(frozen=True)
class ValueFigures:
    """The images of one value.

    Attributes
    ----------
    name : str
    by_class : tuple of int
        Labelled images of each class.
    groups : int
    accuracy : Interval or None
        None for all that follows where there are too few images.
    difference : Interval
        The accuracy less that of the other values, class for class.
    calibration_error : Interval
    lean : float
        Mean probability of the predicted class less the accuracy: above 0 is too sure.
    left_out : LeftOut or None
    """

    name: str
    by_class: tuple[int, ...]
    groups: int
    accuracy: Interval | None = None
    difference: Interval | None = None
    calibration_error: Interval | None = None
    lean: float = float("nan")
    left_out: LeftOut | None = None

    @property
    def images(self) -> int:
        """How many there are."""
        return sum(self.by_class)


@dataclass(frozen=True)
class OneSided:
    """A class of which all images, or nearly all, are of one value.

    Attributes
    ----------
    class_index, value : int
    images, of_value : int
        Of the class, and of them of the value.
    certain : bool
        Whether that is more than chance deals to so many groups.
    """

    class_index: int
    value: int
    images: int
    of_value: int
    certain: bool


@dataclass(frozen=True)
class Confounding:
    """What was found of one column.

    Attributes
    ----------
    column, noun : str
        Name, and what a group is: "patient".
    values : tuple of ValueFigures
    missing : int
        Labelled images without a value; they are left out.
    spread_groups : int
        Groups with images of several values.
    shown : int
        Labelled images that were looked at.
    probe, robustness
        None where fewer than two values have enough images.
    can_tell : bool
        Whether there are enough groups for anything to be more than chance.
    one_sided : tuple of OneSided
    named : tuple of str
        Keys of :data:`~fewshot_lab.evaluation.confounding.LEVELS` that stand out beyond chance.
    stands_out : dict of str to int
        For accuracy and calibration, the value that does.
    costed : bool
        Whether accuracy is of decisions by the costs of errors.
    """

    column: str
    noun: str
    values: tuple[ValueFigures, ...]
    missing: int
    spread_groups: int
    shown: int
    probe: Probe | None = None
    robustness: RobustnessIndex | None = None
    can_tell: bool = False
    one_sided: tuple[OneSided, ...] = ()
    named: tuple[str, ...] = ()
    stands_out: Mapping[str, int] | None = None
    costed: bool = False
