"""Keeping a server: projects backed up, brought back and moved, and what is wrong with it."""

from fewshot_lab.operations.backup import BackupReport, write_backup
from fewshot_lab.operations.checkup import Finding, check_installation
from fewshot_lab.operations.materials import bill_of_materials
from fewshot_lab.operations.moving import move_rows
from fewshot_lab.operations.readiness import readiness
from fewshot_lab.operations.restore import RestoreReport, restore_backup

__all__ = [
    "BackupReport",
    "Finding",
    "RestoreReport",
    "bill_of_materials",
    "check_installation",
    "move_rows",
    "readiness",
    "restore_backup",
    "write_backup",
]
