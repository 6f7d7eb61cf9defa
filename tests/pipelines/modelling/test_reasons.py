import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from personal_offers.features import BothLanguages, FeatureRegistry
from personal_offers.pipelines.modelling.explain import Explanation
from personal_offers.pipelines.modelling.reason_params import ReasonOptions
from personal_offers.pipelines.modelling.reasons import (
    choose_customers,
    contribution_table,
    driver_stability,
    label,
    reason_columns,
    reason_sentences,
    summarise_drivers,
)

OPTIONS: dict[str, Any] = {
    "actionable": 2,
    "other": 1,
    "smallest": 0.01,
    "background": 25,
    "most_customers": 100,
    "sample": 50,
    "stability_seeds": 2,
    "stability_customers": 50,
    "seed": 1,
}
CAUSAL = {
    "en": r"because|cause|due to|lead|result|driv|therefore|thanks to|owing|make|rais|reduc|affect",
    "ru": r"из-за|потому|поэтому|причин|привод|вызыва|благодаря|вследствие|влия|снижает|повышает",
}


def options(**changes: Any) -> ReasonOptions:
    return ReasonOptions.model_validate(OPTIONS | changes)


@pytest.fixture(scope="module")
def registry() -> FeatureRegistry:
    def feature(kind: str, actionable: bool, ru: str, en: str) -> dict[str, Any]:
        return {
            "group": "on_site_behaviour",
            "type": kind,
            "compute": {"kind": "column", "table": "people", "column": "value"},
            "window": "ever",
            "actionable": actionable,
            "definition": {"ru": ru, "en": en},
        }

    return FeatureRegistry.model_validate(
        {
            "features": {
                "pages": feature("number", True, "Страниц за визит, среднее", "Pages per visit"),
                "spent": feature("number", False, "Выручка", "Revenue, currency units"),
                "category": feature("category", False, "Категория", "Category"),
                "agreed": feature("flag", True, "Согласие", "Agreement"),
            }
        }
    )


# Risks 0.70, 0.10, 0.30 from the base 0.40.
IDS = ["ann", "bob", "cy"]
FEATURES = pd.DataFrame(
    {
        "pages": [2.5, 7.0, 9.0],
        "spent": [1234.5, np.nan, -0.126],
        "category": ["Tea  {and}\ncakes", None, "x" * 60],
        "agreed": ["yes", "no", None],
    },
    index=IDS,
)
CONTRIBUTIONS = pd.DataFrame(
    {
        "pages": [0.2, -0.155, 0.0],
        "spent": [0.06, -0.15, -0.0955],
        "category": [-0.06, 0.009, -0.0047],
        "agreed": [0.1, -0.004, 0.0],
    },
    index=IDS,
)


@pytest.fixture
def table(registry: FeatureRegistry) -> pd.DataFrame:
    ids = pd.Series(IDS, index=IDS)
    return contribution_table(ids, Explanation(0.4, CONTRIBUTIONS), FEATURES, registry)


def risks(**values: float | None) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": list(values), "decline_risk": list(values.values())})


def test_the_table_lists_the_strongest_first_with_values_and_direction(table: pd.DataFrame) -> None:
    ann = table[table["customer_id"] == "ann"]
    # spent and category are equally strong: the first in the registry comes first.
    assert ann["feature"].to_list() == ["pages", "agreed", "spent", "category"]
    assert ann["rank"].to_list() == [1, 2, 3, 4]
    assert ann["direction"].to_list() == ["up", "up", "up", "down"]
    assert ann["actionable"].to_list() == [True, True, False, False]
    assert ann["number"].iloc[[0, 2]].to_list() == [2.5, 1234.5]
    assert ann["number"].iloc[[1, 3]].isna().all() and ann["text"].iloc[[0, 2]].isna().all()
    assert ann["text"].iloc[1] == "yes"
    assert table["contribution"].sum() == pytest.approx(CONTRIBUTIONS.to_numpy().sum())


def test_no_contribution_has_no_direction(table: pd.DataFrame) -> None:
    cy = table[table["customer_id"] == "cy"].set_index("feature")
    assert cy["direction"].isna().to_dict() == {
        "spent": False,
        "category": False,
        "pages": True,
        "agreed": True,
    }


def test_high_and_low_are_said_against_two_thirds_of_the_reference(
    registry: FeatureRegistry,
) -> None:
    ids = pd.Series(IDS, index=IDS)
    reference = pd.DataFrame(
        {
            "pages": [2.5, 2.5, 2.5, 7, 7, 7, 8, 8, 9],
            "spent": [np.nan] * 9,
            "category": None,
            "agreed": None,
        }
    )
    found = contribution_table(ids, Explanation(0.4, CONTRIBUTIONS), FEATURES, registry, reference)
    pages = found[found["feature"] == "pages"].set_index("customer_id")["level"]
    assert pages.to_dict() == {"ann": "low", "bob": "middle", "cy": "high"}
    spent = found[found["feature"] == "spent"].set_index("customer_id")["level"]
    assert spent.isna().all()  # nothing known to compare with
    assert found.loc[found["feature"] == "category", "level"].isna().all()


def test_rows_are_found_by_the_index_of_the_explanation(registry: FeatureRegistry) -> None:
    some = Explanation(0.4, CONTRIBUTIONS.loc[["cy", "ann"]])
    found = contribution_table(pd.Series(["1", "2", "3"], index=IDS), some, FEATURES, registry)
    assert found["customer_id"].drop_duplicates().to_list() == ["3", "1"]
    assert found.loc[found["customer_id"] == "1", "number"].max() == 1234.5


def test_truths_become_yes_and_no(registry: FeatureRegistry) -> None:
    truths = FEATURES.assign(agreed=pd.Series([True, False, None], index=IDS, dtype=object))
    ids = pd.Series(IDS, index=IDS)
    found = contribution_table(ids, Explanation(0.4, CONTRIBUTIONS), truths, registry)
    agreed = found[found["feature"] == "agreed"].set_index("customer_id")["text"]
    assert agreed["ann"] == "yes" and agreed["bob"] == "no" and pd.isna(agreed["cy"])


def test_reason_columns_name_three_and_nothing_negligible(table: pd.DataFrame) -> None:
    found = reason_columns(table, options()).set_index("customer_id")
    assert list(found.columns) == ["reason_1", "reason_2", "reason_3"]
    assert found.loc["ann"].to_list() == ["pages, up", "agreed, up", "spent, up"]
    assert found.loc["bob"].dropna().to_list() == ["pages, down", "spent, down"]
    assert found.loc["cy"].dropna().to_list() == ["spent, down"]


def test_who_has_nothing_worth_naming_keeps_a_row_of_nulls(table: pd.DataFrame) -> None:
    found = reason_columns(table, options(smallest=0.5))
    assert found["customer_id"].to_list() == IDS
    assert found.iloc[:, 1:].isna().all(axis=None)


def test_sentences_say_what_the_shop_can_change_and_what_not(
    table: pd.DataFrame, registry: FeatureRegistry
) -> None:
    found = reason_sentences(table, registry, risks(ann=0.7, bob=0.1, cy=0.3), options())
    ann, bob, _ = found["reason_en"]
    assert ann == (
        "Decline risk 70%, above the shop's mean of 37%; it goes along with features that the "
        "shop can change — pages per visit: 2.5 (lower than most, +20 points), agreement: yes (+10 "
        "points); and with features that the shop cannot change — revenue: 1,234 (typical, +6 "
        "points)."
    )
    assert bob.startswith("Decline risk 10%, below the shop's mean of 37%; it goes along with ")
    assert "pages per visit: 7 (typical, −16 points)" in bob
    assert "revenue: unknown (−15 points)" in bob
    assert found["reason_ru"][0] == (
        "Риск снижения активности 70\u00a0%, выше среднего по магазину (37\u00a0%); ему "
        "сопутствуют признаки, которые магазин может изменить, — страниц за визит: 2,5 (ниже, чем "
        "у большинства, +20 п. п.), согласие: да (+10 п. п.); а также признаки, которых магазин "
        "изменить не может, — выручка: 1\u00a0234 (обычное значение, +6 п. п.)."
    )


def test_one_side_alone_reads_without_the_other(
    table: pd.DataFrame, registry: FeatureRegistry
) -> None:
    found = reason_sentences(table, registry, risks(cy=0.3), options())
    assert found["reason_en"][0] == (
        "Decline risk 30%, the same as the shop's mean; it goes along with features that the shop "
        "cannot change — revenue: −0.13 (typical, −10 points)."
    )
    only = reason_sentences(table, registry, risks(ann=0.7), options(other=0))
    assert "cannot" not in only["reason_en"][0] and "не может" not in only["reason_ru"][0]


def test_a_single_point_is_not_plural(table: pd.DataFrame, registry: FeatureRegistry) -> None:
    small = options(other=2, smallest=0.009)
    found = reason_sentences(table, registry, risks(bob=0.1), small)
    assert "category: unknown (+0.9 points)" in found["reason_en"][0]
    rounded = table.assign(contribution=table["contribution"].replace(0.009, 0.0101))
    found = reason_sentences(rounded, registry, risks(bob=0.1), options(other=2))
    assert "category: unknown (+1 point)" in found["reason_en"][0]


def test_text_from_data_stays_on_one_short_line(
    table: pd.DataFrame, registry: FeatureRegistry
) -> None:
    asked = options(other=3, smallest=0.001)
    found = reason_sentences(table, registry, risks(ann=0.7, cy=0.3), asked)["reason_ru"]
    assert "категория: «Tea {and} cakes» (−6 п. п.)" in found[0]
    assert f"категория: «{'x' * 39}…» (−0,5 п. п.)" in found[1]


def test_who_was_not_explained_or_has_no_risk_is_told_so(
    table: pd.DataFrame, registry: FeatureRegistry
) -> None:
    asked = risks(dan=0.999, eve=None, ann=0.001)
    found = reason_sentences(table, registry, asked, options(smallest=0.5))
    dan, eve, ann = found["reason_en"]
    assert dan.startswith("Decline risk >99%") and "highest risk and a sample" in dan
    assert eve == "No decline risk was computed for this customer."
    assert ann == "Decline risk <1%, below the shop's mean of 50%; no single feature stands out."
    assert found["customer_id"].to_list() == ["dan", "eve", "ann"]
    nobody = reason_sentences(table, registry, risks(eve=None), options())
    assert nobody["reason_ru"].to_list() == [
        "Риск снижения активности для этого клиента не посчитан."
    ]


@pytest.mark.parametrize("language", ["ru", "en"])
def test_no_sentence_speaks_of_causes(
    language: str, table: pd.DataFrame, registry: FeatureRegistry
) -> None:
    asked = risks(ann=0.7, bob=0.1, cy=0.3, dan=0.4, eve=None)
    for smallest in (0.001, 0.5):
        found = reason_sentences(table, registry, asked, options(smallest=smallest, other=3))
        for text in found[f"reason_{language}"]:
            assert not re.search(CAUSAL[language], text, re.IGNORECASE), text
            assert text.endswith(".") and not re.search(r"[.!?] [A-ZА-Я]", text)  # one sentence


def test_a_short_label_goes_before_the_definition(registry: FeatureRegistry) -> None:
    feature = next(iter(registry.features.values()))
    short = BothLanguages(ru="страниц за визит", en="pages a visit")
    assert label(feature.model_copy(update={"label": short}), "ru") == "страниц за визит"
    initials = BothLanguages(ru="RFM-класс, код", en="RFM class, code")
    assert label(feature.model_copy(update={"definition": initials}), "en") == "RFM class"


def test_shares_are_written_in_percent(table: pd.DataFrame, registry: FeatureRegistry) -> None:
    shares = FeatureRegistry(
        features={
            name: feature.model_copy(update={"percent": name == "spent"})
            for name, feature in registry.features.items()
        }
    )
    found = reason_sentences(table, shares, risks(cy=0.3), options())
    assert "revenue: −12.6% (" in found["reason_en"][0]
    assert "выручка: −12,6\u00a0% (" in found["reason_ru"][0]


# --- whom to explain -----------------------------------------------------------------------


def test_everybody_with_a_risk_is_explained_while_they_are_few() -> None:
    found = choose_customers(risks(ann=0.7, eve=None, bob=0.1), options())
    assert found["customer_id"].to_list() == ["ann", "bob"]
    assert found["sampled"].all()


def test_among_many_a_sample_and_the_highest_risks_are_explained() -> None:
    many = pd.DataFrame({"customer_id": [f"{n:04}" for n in range(1000)]})
    many["decline_risk"] = np.linspace(0, 1, 1000)
    found = choose_customers(many, options())
    assert len(found) == 100 and found["sampled"].sum() == 50
    rest = found[~found["sampled"]]["customer_id"]
    sampled = set(found[found["sampled"]]["customer_id"])
    expected = [name for name in many["customer_id"][::-1] if name not in sampled][:50]
    assert rest.to_list() == expected[::-1]
    assert found.equals(choose_customers(many, options()))


def test_the_sample_cannot_be_larger_than_the_whole() -> None:
    with pytest.raises(ValidationError, match="most_customers"):
        options(sample=200)
    with pytest.raises(ValidationError, match="extra"):
        options(in_sentense=3)


# --- summaries -----------------------------------------------------------------------------


def test_drivers_are_ranked_by_mean_size(table: pd.DataFrame, registry: FeatureRegistry) -> None:
    found = summarise_drivers(table, registry).set_index("feature")
    assert found.index.to_list() == ["pages", "spent", "agreed", "category"]
    assert found["rank"].to_list() == [1, 2, 3, 4]
    assert found.loc["pages", "mean_abs"] == pytest.approx(0.355 / 3)
    assert found.loc["pages", "mean_signed"] == pytest.approx(0.045 / 3)
    # For cy, nothing but spent and category adds anything.
    assert found["top_three_share"].to_list() == pytest.approx([2 / 3, 1, 1 / 3, 2 / 3])
    assert found.loc["pages", "group"] == "on_site_behaviour"


def seeds_of(registry: FeatureRegistry, *tables: pd.DataFrame) -> list[pd.DataFrame]:
    ids = pd.Series(IDS, index=IDS)
    return [contribution_table(ids, Explanation(0.4, t), FEATURES, registry) for t in tables]


def test_equal_seeds_agree_completely(registry: FeatureRegistry) -> None:
    spread, agreement = driver_stability(seeds_of(registry, *[CONTRIBUTIONS] * 3))
    assert agreement["kendalls_w"] == pytest.approx(1.0)
    assert agreement["same_top_reason"] == pytest.approx(1.0)
    assert (agreement["seeds"], agreement["customers"]) == (3, 3)
    assert (spread["rank_low"] == spread["rank_high"]).all()


def test_opposite_rankings_do_not_agree(registry: FeatureRegistry) -> None:
    turned = CONTRIBUTIONS.set_axis(["category", "agreed", "pages", "spent"], axis=1)
    turned = turned[CONTRIBUTIONS.columns]
    spread, agreement = driver_stability(seeds_of(registry, CONTRIBUTIONS, turned))
    sizes = [t.abs().mean().rank(ascending=False) for t in (CONTRIBUTIONS, turned)]
    sums = sizes[0] + sizes[1]
    expected = 12 * ((sums - sums.mean()) ** 2).sum() / (2**2 * (4**3 - 4))
    assert agreement["kendalls_w"] == pytest.approx(expected)
    assert agreement["same_top_reason"] == 0.0
    pages = spread.set_index("feature").loc["pages"]
    assert (pages["rank_low"], pages["rank_high"]) == (1, 4)


def test_the_direction_counts_and_only_common_customers_do(registry: FeatureRegistry) -> None:
    other = CONTRIBUTIONS.copy()
    other.loc["ann", "pages"] *= -1
    first, second = seeds_of(registry, CONTRIBUTIONS, other.drop(index="cy"))
    _, agreement = driver_stability([first, second])
    assert agreement["customers"] == 2
    assert agreement["same_top_reason"] == 0.5


def test_no_contributions_at_all_cannot_be_compared(registry: FeatureRegistry) -> None:
    nothing = CONTRIBUTIONS * 0
    _, agreement = driver_stability(seeds_of(registry, nothing, nothing))
    assert agreement["kendalls_w"] is None
    first, second = seeds_of(registry, CONTRIBUTIONS, CONTRIBUTIONS)
    nobody = driver_stability([first, second.assign(customer_id="other " + second["customer_id"])])
    assert nobody[1]["same_top_reason"] is None and nobody[1]["kendalls_w"] is None


def test_one_seed_says_nothing_about_stability(table: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="two seeds"):
        driver_stability([table])
