"""Keeping a server: projects backed up, brought back and moved, and what is wrong with it."""

from fewshot_lab.operations.backup import write_backup
from fewshot_lab.operations.checkup import check_installation
from fewshot_lab.operations.materials import bill_of_materials
from fewshot_lab.operations.moving import move_rows
from fewshot_lab.operations.readiness import readiness
from fewshot_lab.operations.restore import restore_backup
