"""The script library (话术库): catalogue files in, explained choices out.

Pure and typed: no database, no clock, no network; the caller passes time and variables.
"""

from __future__ import annotations

from .catalogue import Catalogue as Catalogue
from .catalogue import Source as Source
from .catalogue import check_catalogue as check_catalogue
from .catalogue import dump_catalogue as dump_catalogue
from .catalogue import load_catalogue as load_catalogue
from .checks import Vocabulary as Vocabulary
from .checks import check_script as check_script
from .checks import required_variables as required_variables
from .choosing import choose as choose
from .choosing import obstacles as obstacles
from .duplicates import NearDuplicate as NearDuplicate
from .duplicates import near_duplicates as near_duplicates
from .errors import CatalogueError as CatalogueError
from .errors import CellProblem as CellProblem
from .errors import Finding as Finding
from .errors import InvalidScript as InvalidScript
from .errors import MissingVariable as MissingVariable
from .errors import Problem as Problem
from .errors import RenderingError as RenderingError
from .errors import ScriptLibraryError as ScriptLibraryError
from .errors import SensitiveWordsError as SensitiveWordsError
from .errors import SpreadsheetError as SpreadsheetError
from .errors import TemplateError as TemplateError
from .errors import UnsendableText as UnsendableText
from .gaps import Coverage as Coverage
from .gaps import coverage as coverage
from .index import ScriptIndex as ScriptIndex
from .learning import ScriptStats as ScriptStats
from .learning import smoothed_rate as smoothed_rate
from .learning import wilson_interval as wilson_interval
from .lint import Advice as Advice
from .lint import lint_scripts as lint_scripts
from .model import OCCASION_LABELS as OCCASION_LABELS
from .model import FilePart as FilePart
from .model import ImagePart as ImagePart
from .model import LinkPart as LinkPart
from .model import MiniProgramPart as MiniProgramPart
from .model import Occasion as Occasion
from .model import Part as Part
from .model import Script as Script
from .model import Tags as Tags
from .model import TextPart as TextPart
from .model import Validity as Validity
from .rendering import render_script as render_script
from .rendering import rendered_text as rendered_text
from .rules import STAGE_LABELS as STAGE_LABELS
from .rules import ChoosingRules as ChoosingRules
from .schema import script_from_dict as script_from_dict
from .sensitive import Direction as Direction
from .sensitive import SensitiveHit as SensitiveHit
from .sensitive import SensitiveWords as SensitiveWords
from .sensitive import Severity as Severity
from .shop import load_shop_variables as load_shop_variables
from .situation import OUT_OF_SCOPE as OUT_OF_SCOPE
from .situation import Choice as Choice
from .situation import Situation as Situation
from .variables import STANDARD_VARIABLES as STANDARD_VARIABLES
from .variables import escape_braces as escape_braces
from .variables import has_value as has_value
from .variables import parse_template as parse_template
from .variables import render as render
