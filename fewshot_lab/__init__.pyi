from .errors import FewshotLabError as FewshotLabError
from .export import export_bundle as export_bundle
from .export import write_report as write_report
from .project import Project as Project
from .version import __version__ as __version__
