"""Scripts as an Excel workbook: written for editing, read back with errors that name the cell."""

from __future__ import annotations

from .reading import read_spreadsheet as read_spreadsheet
from .writing import write_spreadsheet as write_spreadsheet
