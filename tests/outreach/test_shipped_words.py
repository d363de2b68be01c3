from __future__ import annotations

from bot.customers.funnel import load_funnel
from bot.outreach.plans import load_plans
from bot.outreach.wording import Wordsmith
from bot.settings import Settings
from bot.shop import SHIPPED_CATALOGUE, shop_variables
from intents import load_taxonomy
from scripts_library import load_catalogue


def test_every_step_of_the_shipped_journeys_can_be_said_with_the_shipped_scripts() -> None:
    settings, funnel = Settings(), load_funnel()
    variables = shop_variables(settings.shop)
    plans = load_plans(settings, variables=variables, stages=funnel.names)
    catalogue = load_catalogue(
        SHIPPED_CATALOGUE,
        intents=load_taxonomy().names,
        stages=funnel.names,
        variables=variables,
    )
    scripts = {script.id: script for script in catalogue}
    words = Wordsmith(settings.outreach, variables)
    said = 0
    for journey in plans.journeys.values():
        for step in journey.steps:
            written = [step.content, *(arm.content for arm in step.variants)]
            for content in (one for arm in written for one in arm.values()):
                assert words.parts(content, scripts=scripts), (journey.id, step.id)
                said += 1
    assert said > 50
