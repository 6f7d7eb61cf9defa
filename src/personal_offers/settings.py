"""Kedro settings of the project: hooks and how configuration is merged."""

from datetime import date

from personal_offers.configuration import ConfigLoader
from personal_offers.hooks import (
    CollectorHook,
    InputErrorHook,
    ParameterHook,
    PartialReportHook,
    ShopHook,
)
from personal_offers.run_progress import ProgressHook
from personal_offers.run_statistics import StatisticsHook

# Bad parameters are refused before anything is loaded; bad input ends in one message.
HOOKS = (
    ShopHook(),
    ParameterHook(),
    PartialReportHook(),
    CollectorHook(),
    InputErrorHook(),
    ProgressHook(),
    StatisticsHook(),
)

CONFIG_LOADER_CLASS = ConfigLoader
CONFIG_LOADER_ARGS = {
    # ${today:} is the one place where the clock enters; nodes get it as a parameter.
    "custom_resolvers": {"today": lambda: date.today().isoformat()},
    "base_env": "base",
    "default_run_env": "local",
    # Without "soft" a block in conf/test or conf/local would replace its whole top-level key.
    "merge_strategy": {"parameters": "soft", "globals": "soft"},
}
