"""Kedro settings of the project: hooks and how configuration is merged."""

from personal_offers.hooks import InputErrorHook, ParameterHook

# Bad parameters are refused before anything is loaded; bad input ends in one message.
HOOKS = (ParameterHook(), InputErrorHook())

CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # Without "soft" a block in conf/test or conf/local would replace its whole top-level key.
    "merge_strategy": {"parameters": "soft", "globals": "soft"},
}
