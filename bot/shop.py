"""What the shop says of itself and the scripts that it ships with."""

from __future__ import annotations

from pathlib import Path

import scripts_library
from bot.customers.funnel import Funnel
from bot.dialogue.library import ImportReport, Library
from bot.errors import SettingsError
from bot.settings import Settings, ShopSettings
from intents import Taxonomy
from scripts_library import CatalogueError, ChoosingRules, load_catalogue
from scripts_library.shop import load_shop_variables

SHIPPED = Path(scripts_library.__file__).parent
SHIPPED_CATALOGUE = SHIPPED / "catalogue"
SHIPPED_SHOP = SHIPPED / "shop.example.yml"


def catalogue_folder(settings: Settings) -> Path:
    """The folder whose scripts are imported first and whose files they refer to."""
    return settings.scripts.catalogue or SHIPPED_CATALOGUE


def shop_variables(shop: ShopSettings) -> dict[str, str]:
    """Script variables: from the shop's file (or the sample's), overridden by the settings."""
    try:
        from_file = load_shop_variables(shop.variables_file or SHIPPED_SHOP)
    except CatalogueError as error:
        raise SettingsError(f"设置 shop.variables_file 有误：{error}") from None
    return {**from_file, "shop_name": shop.name, **shop.variables}


def choosing_rules(settings: Settings, taxonomy: Taxonomy, funnel: Funnel) -> ChoosingRules:
    """The chooser's rules with this shop's words and time zone."""
    return ChoosingRules(
        intent_labels={intent.name: intent.zh for intent in taxonomy.intents},
        stage_labels={stage.name: stage.zh for stage in funnel.stages},
        shop_time=settings.shop.zone,
    )


async def seed_library(
    library: Library, settings: Settings, taxonomy: Taxonomy, funnel: Funnel
) -> ImportReport | None:
    """Import the catalogue into an empty library; later changes are imported by command."""
    if not settings.scripts.import_on_start or not await library.is_empty():
        return None
    try:
        catalogue = load_catalogue(
            catalogue_folder(settings),
            intents=taxonomy.names,
            stages=funnel.names,
            variables=shop_variables(settings.shop),
        )
    except CatalogueError as error:
        raise SettingsError(f"话术目录有误，没有导入：\n{error}") from None
    return await library.import_scripts(catalogue)
