"""The connection to a PACS: off until the server's environment names its address.

Everything that can go wrong on the way becomes one sentence.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from fewshot_lab.errors import FewshotLabError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

URL, TOKEN, TIMEOUT = "FEWSHOT_LAB_PACS_URL", "FEWSHOT_LAB_PACS_TOKEN", "FEWSHOT_LAB_PACS_TIMEOUT"
PAGE = 100
"""Results that are asked for at once."""
MISSING = "A PACS needs two further packages: pip install fewshot-lab[pacs]"
T = TypeVar("T")


class PacsError(FewshotLabError):
    """The PACS is away, refuses, or answers what is no DICOMweb; ``status`` is that of HTTP."""

    def __init__(self, sentence: str, status: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status


def is_set_up() -> bool:
    """Say whether this server names a PACS."""
    return bool(os.environ.get(URL, "").strip())


def connect(attempts: int = 3) -> Pacs:
    """Return the PACS that the environment names; nothing is asked of it yet.

    Parameters
    ----------
    attempts : int
        How often it is asked where it does not answer: once while somebody waits for the page.

    Raises
    ------
    FewshotLabError
        Where none is named, a setting cannot be, or packages are missing.
    """
    url = os.environ.get(URL, "").strip().rstrip("/")
    if not url:
        raise FewshotLabError(
            f"No PACS is set up here: the server's administrator sets {URL} to its DICOMweb "
            "address."
        )
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise FewshotLabError(f"{URL} must be an address as https://pacs.example.org/dicom-web.")
    seconds = os.environ.get(TIMEOUT, "").strip() or "20"
    if not seconds.isdecimal() or not 1 <= int(seconds) <= 600:
        raise FewshotLabError(f"{TIMEOUT} must be 1 to 600 seconds; it is {seconds!r}.")
    try:
        from dicomweb_client.web import DICOMwebClient
    except ImportError:
        raise FewshotLabError(MISSING) from None
    token = os.environ.get(TOKEN, "").strip()
    headers = {"Authorization": token if " " in token else f"Bearer {token}"} if token else None
    client = DICOMwebClient(url, headers=headers, timeout=int(seconds), permissive_uid=True)
    client.set_http_retry_params(
        retry=attempts > 1, max_attempts=attempts, wait_exponential_multiplier=200
    )
    return Pacs(client, urlsplit(url).netloc, int(seconds))


class Pacs:
    """A PACS that answers DICOMweb (PS3.18): QIDO-RS, WADO-RS and STOW-RS."""

    def __init__(self, client: Any, name: str, seconds: int) -> None:
        self._client = client
        self.name = name
        self._seconds = seconds

    def page_of_studies(self, filters: dict[str, str], offset: int) -> list[Dataset]:
        """Return studies that match, from one on."""
        return self._datasets(
            "search_for_studies", search_filters=filters, fields=_STUDY_FIELDS, offset=offset
        )

    def page_of_series(self, study: str, offset: int) -> list[Dataset]:
        """Return series of a study, from one on."""
        return self._datasets("search_for_series", study, fields=_SERIES_FIELDS, offset=offset)

    def headers(self, study: str, series: str) -> list[Dataset]:
        """Return the headers of a series' instances, without pixels."""
        return self._datasets("retrieve_series_metadata", study, series)

    def instance(self, study: str, series: str, instance: str) -> Dataset:
        """Return one instance with its pixels, in whatever compression it is kept."""
        types = (("application/dicom", "*"),)
        dataset: Dataset = self._ask(
            lambda: self._client.retrieve_instance(study, series, instance, media_types=types)
        )
        return dataset

    def send(self, dataset: Dataset) -> None:
        """Store one instance."""
        answer = self._ask(lambda: self._client.store_instances([dataset]))
        if answer.get("FailedSOPSequence"):
            raise PacsError(f"{self.name} did not take the report.")

    def _datasets(self, method: str, *args: str, **options: Any) -> list[Dataset]:
        from pydicom.dataset import Dataset

        def parsed() -> list[Dataset]:
            if "offset" in options:
                options["limit"] = PAGE
            answer = getattr(self._client, method)(*args, **options)
            return [Dataset.from_json(each, _no_pixels) for each in answer or []]

        return self._ask(parsed)

    def _ask(self, call: Callable[[], T]) -> T:
        from requests import exceptions

        nonsense = f"{self.name} did not answer in DICOMweb; check {URL}."
        try:
            return call()
        except exceptions.InvalidJSONError:
            raise PacsError(nonsense) from None
        except exceptions.Timeout:
            raise PacsError(
                f"{self.name} did not answer within {self._seconds} s: try again later, or raise "
                f"{TIMEOUT}."
            ) from None
        except exceptions.HTTPError as error:
            raise self._refusal(error) from None
        except exceptions.SSLError:
            raise PacsError(f"{self.name} shows a certificate that is not trusted here.") from None
        except exceptions.RequestException:
            raise PacsError(
                f"The PACS {self.name} cannot be reached: check that it runs and that {URL} is "
                "right."
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            raise PacsError(nonsense) from error

    def _refusal(self, error: Any) -> PacsError:
        status = error.response.status_code
        if status in (401, 403):
            return PacsError(f"{self.name} refuses the token; check {TOKEN}.", status)
        if status == 404:
            return PacsError(f"{self.name} has nothing at this address or with this uid.", status)
        return PacsError(f"{self.name} answered with an error (HTTP {status}).", status)


def _no_pixels(*_: object) -> None:
    """Leave out what a header only says where to find."""


_STUDY_FIELDS = ["StudyDescription", "NumberOfStudyRelatedSeries", "ModalitiesInStudy"]
_STUDY_FIELDS += ["NumberOfStudyRelatedInstances"]
_SERIES_FIELDS = ["SeriesDescription", "NumberOfSeriesRelatedInstances"]
