"""Figures of the clusters: findings in the titles, in both languages, also with nothing to draw."""

from __future__ import annotations

import io
from typing import Any

import pandas as pd
import pytest

from personal_offers.features import FeatureRegistry, Language
from personal_offers.pipelines.segmentation.cluster_figures import (
    draw_cluster_choice,
    draw_cluster_heatmap,
    draw_cluster_radar,
)

LANGUAGES: list[Language] = ["ru", "en"]
FEATURES = ["visits", "orders", "spend", "pages", "errors", "always"]
LIMITS = {"limits": {"stability": 0.8, "silhouette": 0.3, "smallest_share": 0.05}}


@pytest.fixture(scope="module")
def features() -> FeatureRegistry:
    each = {
        "group": "purchase_behaviour",
        "type": "number",
        "compute": {"kind": "not_recorded"},
        "window": "ever",
        "actionable": True,
        "definition": {"ru": "Признак <b>", "en": "Feature"},
    }
    return FeatureRegistry.model_validate(
        {
            "features": {
                name: each | {"label": {"ru": f"{name} ру", "en": f"{name} <en>"}}
                for name in FEATURES
            }
        }
    )


def profile_of(clusters: int) -> pd.DataFrame:
    """The first cluster is far above the rest in visits; ``always`` is the same everywhere."""
    rows = [
        {
            "cluster": cluster,
            "feature": name,
            "made_it": name in {"orders", "visits"},
            "customers": 10,
            "median": float(10 * cluster + place),
            "median_low": 1.0 if cluster == 1 else None,
            "median_high": 99.0 if cluster == 1 else None,
            "mean": 5.0,
            "everyone_median": 4.0,
            "everyone_mean": 4.0,
            "difference": None
            if name == "always"
            else (2.0 if cluster == 1 else -0.6 if cluster == 2 else 0.1) - place / 10,
            "rank": place,
        }
        for cluster in range(1, clusters + 1)
        for place, name in enumerate(FEATURES)
    ]
    return pd.DataFrame(rows).astype({"difference": "float64"})


def summary_of(clusters: int) -> pd.DataFrame:
    ids = list(range(1, clusters + 1))
    return pd.DataFrame(
        {
            "cluster": ids,
            "name_ru": [f"Имя {n}" for n in ids],
            "name_en": [f"Name <i>{n}" for n in ids],
            "customers": [10 * n for n in ids],
            "share": [1 / clusters] * clusters,
        }
    )


@pytest.fixture
def candidates() -> pd.DataFrame:
    rows = [
        ("kmeans", 3, 0.4, 0.9, 0.85, 0.95, 0.2, True, True),
        ("kmeans", 7, 0.25, 0.6, 0.5, 0.7, 0.02, False, False),
        ("ward", 3, 0.35, 0.82, None, None, 0.1, True, False),
        ("hdbscan", 1, None, None, None, None, 1.0, False, False),
    ]
    columns = ["method", "number", "silhouette", "stability", "stability_low", "stability_high"]
    return pd.DataFrame(rows, columns=[*columns, "smallest_share", "passes", "chosen"])


def title_of(figure: Any) -> str:
    text: str = figure.layout.title.text.replace("<br>", " ")
    return text.replace("\u00a0", " ").replace("\u202f", " ")


class TestRadar:
    def test_a_closed_line_per_cluster_told_apart_without_colour(
        self, features: FeatureRegistry
    ) -> None:
        zero, *lines = draw_cluster_radar(profile_of(3), summary_of(3), features, "en").data

        assert set(zero.r) == {0}
        assert len(lines) == 3
        assert len({(line.line.dash, line.marker.symbol) for line in lines}) == 3
        for line in lines:
            assert line.r[0] == line.r[-1]
            assert line.theta[0] == line.theta[-1]
        assert lines[0].name == "1. Name &lt;i&gt;1, 33% of customers"

    def test_what_made_the_clusters_comes_first_and_what_is_constant_is_left_out(
        self, features: FeatureRegistry
    ) -> None:
        (_, line, _) = draw_cluster_radar(profile_of(2), summary_of(2), features, "en").data

        names = [label.split()[0] for label in line.theta[:-1]]
        assert names == ["visits", "orders", "spend", "pages", "errors"]

    def test_the_title_says_where_they_differ_most(self, features: FeatureRegistry) -> None:
        title = title_of(draw_cluster_radar(profile_of(3), summary_of(3), features, "ru"))

        assert title == (
            "Сильнее всего кластеры различает признак «visits ру»: −0,6 … 2,0 стандартного "
            "отклонения от остальных клиентов"
        )

    def test_of_many_clusters_the_largest_are_shown(self, features: FeatureRegistry) -> None:
        figure = draw_cluster_radar(profile_of(12), summary_of(12), features, "en")

        shown = [line.name.split(".")[0] for line in figure.data[1:] if line.visible is None]
        assert shown == ["7", "8", "9", "10", "11", "12"]
        assert "The largest clusters are shown (6 of 12)" in title_of(figure)

    def test_a_far_cluster_hides_no_other(self, features: FeatureRegistry) -> None:
        profile = profile_of(2)
        profile.loc[0, "difference"] = 40.0

        figure = draw_cluster_radar(profile, summary_of(2), features, "en")

        assert max(figure.data[1].r) == 3
        assert "40.0 standard deviations" in title_of(figure)

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_nothing_to_draw(self, features: FeatureRegistry, language: Language) -> None:
        few = profile_of(2)
        few = few[few["feature"].isin(["visits", "always"])]

        assert not draw_cluster_radar(profile_of(1), summary_of(1), features, language).data
        assert not draw_cluster_radar(few, summary_of(2), features, language).data
        assert not draw_cluster_radar(few[:0], summary_of(2), features, language).data


class TestHeatmap:
    def test_cells_say_the_sign_and_the_median(self, features: FeatureRegistry) -> None:
        (heat,) = draw_cluster_heatmap(profile_of(2), summary_of(2), features, "en").data

        assert [list(row) for row in heat.text[:2]] == [["▲ 10", "▼ 20"], ["▲ 11", "▼ 21"]]
        assert list(heat.z[0]) == [2.0, -0.6]
        assert "median 10 (1 … 99), everyone 4" in heat.customdata[0][0]
        assert "median 20, everyone 4" in heat.customdata[0][1]

    def test_rows_and_columns(self, features: FeatureRegistry) -> None:
        layout = draw_cluster_heatmap(profile_of(2), summary_of(2), features, "en").layout

        assert [label.split(" &")[0] for label in layout.yaxis.ticktext] == [
            "* visits",
            "* orders",
            "spend",
            "pages",
            "errors",
        ]
        assert list(layout.xaxis.ticktext) == ["1. Name &lt;i&gt;1", "2. Name &lt;i&gt;2"]

    def test_small_differences_have_no_sign_and_unknown_medians_are_said(
        self, features: FeatureRegistry
    ) -> None:
        profile = profile_of(3)
        profile.loc[(profile["cluster"] == 2) & (profile["feature"] == "orders"), "median"] = None

        (heat,) = draw_cluster_heatmap(profile, summary_of(3), features, "ru").data

        assert heat.text[0][2] == "30"
        assert heat.text[1][1] == "нет данных"

    def test_names_of_many_clusters_stand_in_a_list(self, features: FeatureRegistry) -> None:
        axis = draw_cluster_heatmap(profile_of(12), summary_of(12), features, "ru").layout.xaxis

        assert list(axis.ticktext) == [str(n) for n in range(1, 13)]
        assert axis.title.text.split("<br>")[-1] == "12. Имя 12"

    def test_the_title_names_the_cluster_that_differs_most(self, features: FeatureRegistry) -> None:
        title = title_of(draw_cluster_heatmap(profile_of(3), summary_of(3), features, "ru"))

        assert title.startswith(
            "Больше всего отличий от остальных клиентов в кластере «Имя 1»: признаков 5 из 5"
        )

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_nothing_to_draw(self, features: FeatureRegistry, language: Language) -> None:
        alike = profile_of(2).assign(difference=float("nan"))

        assert not draw_cluster_heatmap(profile_of(1), summary_of(1), features, language).data
        assert not draw_cluster_heatmap(alike, summary_of(2), features, language).data


class TestChoice:
    def test_the_title_says_what_was_chosen_and_how_many_pass(
        self, candidates: pd.DataFrame
    ) -> None:
        title = title_of(draw_cluster_choice(candidates, LIMITS, "en"))

        assert title == (
            "Chosen: k-means, clusters: 3; stability 0.90 (0.85–0.95), silhouette 0.40. All limits "
            "hold for 2 of 4 candidates (number of clusters: 3)"
        )

    def test_who_fails_is_hollow_and_the_chosen_has_a_ring(self, candidates: pd.DataFrame) -> None:
        passed, failed, ward, ring = draw_cluster_choice(candidates, LIMITS, "ru").data

        assert (passed.marker.symbol, failed.marker.symbol) == ("circle", "circle-open")
        assert ward.marker.symbol == "diamond"
        assert (ring.x, ring.y) == ((0.4,), (0.9,))
        assert [text.strip() for text in failed.text] == ["7"]

    def test_limits_are_lines(self, candidates: pd.DataFrame) -> None:
        shapes = draw_cluster_choice(candidates, LIMITS, "en").layout.shapes

        assert {(shape.x0, shape.y0) for shape in shapes} == {(0.3, 0), (0, 0.8)}

    def test_nothing_passes(self, candidates: pd.DataFrame) -> None:
        none = candidates.assign(passes=False)

        title = title_of(draw_cluster_choice(none, LIMITS, "ru"))
        assert title.endswith("Все условия не выполнил ни один вариант из 4")

    def test_nothing_was_chosen(self, candidates: pd.DataFrame) -> None:
        figure = draw_cluster_choice(candidates.assign(chosen=False), {}, "en")

        assert title_of(figure).startswith("No candidate is chosen")
        assert not figure.layout.shapes

    def test_one_cluster_gives_its_reason(self, candidates: pd.DataFrame) -> None:
        choice = {"reason": {"ru": "Клиентов мало.", "en": "Too few customers."}}

        assert title_of(draw_cluster_choice(candidates[:0], choice, "ru")) == "Клиентов мало"
        assert title_of(draw_cluster_choice(candidates[:0], {}, "en")).startswith("Nothing to show")

    def test_a_table_from_a_file_gives_the_same(self, candidates: pd.DataFrame) -> None:
        again = pd.read_csv(io.StringIO(candidates.to_csv(index=False)))

        assert (
            draw_cluster_choice(again, LIMITS, "en").to_json()
            == draw_cluster_choice(candidates, LIMITS, "en").to_json()
        )
