"""The chapter ``clusters``: groups that an algorithm found, how firm they are, who moved."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from personal_offers.features import BothLanguages, FeatureRegistry, Language
from personal_offers.figure_style import number, span
from personal_offers.pipelines.reporting.advice_tables import advice_blocks
from personal_offers.pipelines.reporting.amounts import moment
from personal_offers.pipelines.reporting.blocks import (
    Block,
    Bullets,
    Chapter,
    Column,
    Figure,
    Notice,
    Origin,
    Paragraph,
    Table,
    both,
    cell,
    either,
    figure_from,
    missing,
    present,
)
from personal_offers.pipelines.reporting.params import ReportingOptions
from personal_offers.pipelines.reporting.profit_unit import ReportUnits, read_units
from personal_offers.pipelines.reporting.spoken import amounts, counts, filled, percents, texts_of
from personal_offers.pipelines.reporting.view_params import ReportViews
from personal_offers.words import CLUSTERS, counted

Row = Mapping[Hashable, Any]
Figures = Mapping[Language, Mapping[str, Any]]

_TEXTS: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "title": "Кластеры: группы, которые нашёл алгоритм",
        "subject": "Кластеры",
        "recommended": "Рекомендации по кластерам",
        "lead": "Алгоритм нашёл {clusters}. Самый большой — «{largest}»: {customers}, {share} от "
        "всех. Больше всего выручки даёт «{richest}»: {revenue}.",
        "lead_same": "Алгоритм нашёл {clusters}. Самый большой и самый доходный — «{largest}»: "
        "{customers}, {share} от всех, выручка {revenue}.",
        "lead_share": "{revenue}, {share} от всей",
        "one": "Алгоритм не нашёл отдельных групп: все клиенты в одном кластере.",
        "meaning": "Клиенты одного кластера похожи друг на друга по признакам, которые выбраны в "
        "параметрах. Кластер описывает поведение; он не говорит, кто уйдёт и кому писать.",
        "method": "Почему кластеры такие. {reason}",
        "unstable": "Кластеры неустойчивы: индекс {stability}, а нужно не меньше {limit}. На "
        "других клиентах того же магазина группы могут быть иными, поэтому не стройте на них "
        "постоянных программ.",
        "blurred": "Границы между кластерами размыты: силуэт {silhouette}, а нужно не меньше "
        "{limit}. Клиента у границы с тем же правом можно отнести к соседнему кластеру.",
        "sampled": "Кластеры найдены на выборке: {seen} из {customers}; остальные отнесены к "
        "ближайшему.",
        "summary": "Чем кластеры отличаются",
        "summary_advice": "Проверьте, узнаёте ли вы эти группы: название составлено из признаков, "
        "которые отличают кластер сильнее всего.",
        "cluster": "Кластер",
        "customers": "Клиентов",
        "share": "Доля клиентов",
        "interval": "Интервал доли",
        "revenue": "Сумма: {feature}",
        "any_revenue": "выручка",
        "revenue_share": "Доля выручки",
        "noise": "Далеко от всех кластеров",
        "differs": "Чем отличается",
        "radar_advice": "По этим признакам подбирайте тон и повод: чем дальше линия от нуля, тем "
        "сильнее кластер отличается от остальных.",
        "heatmap_advice": "Ищите яркие ячейки: по этим признакам кластер не похож на остальных. "
        "Бледные строки в описании не нужны.",
        "choice_advice": "Верьте кластерам, которые на повторных выборках находятся снова "
        "(устойчивость) и стоят отдельно (силуэт); точки ниже пределов — только описание.",
        "moves": "Кто куда перешёл с {since} по {until}: в своём кластере остались {stayed} из "
        "{known} ({share})",
        "moves_undated": "Кто куда перешёл: в своём кластере остались {stayed} из {known} "
        "({share})",
        "moves_new": "Все клиенты новые: сравнить не с чем",
        "moves_advice": "{largest} Строка — где клиент был, столбец — где он теперь.",
        "largest_move": "Самый большой переход: из «{origin}» в «{target}», {customers}.",
        "no_move": "Переходов между кластерами нет.",
        "money_moved": "Больше всего за это время принесли те, кто перешёл из «{origin}» в "
        "«{target}»: {money}",
        "money_stayed": "Больше всего за это время принесли те, кто был и остался в «{target}»: "
        "{money}",
        "money_new": "Больше всего за это время принесли новые клиенты в «{target}»: {money}",
        "no_money": "За это время клиенты ничего не принесли",
        "money_advice": "Выручка за вычетом возвратов между двумя датами. Кластеры посчитаны по "
        "тем же покупкам, поэтому переход — след выручки, а не её причина: не платите за переход "
        "как за результат.",
        "from": "Был в кластере",
        "recommendations": "Что делать с каждым кластером",
        "recommendations_advice": "Кластер подсказывает, как говорить с клиентом; кому и когда "
        "писать, решает план предложений.",
        "for_all": "{label} для всех кластеров. {text}",
        "goal": "Цель",
        "action": "Действие",
        "channel": "Канал",
        "do_not": "Чего не делать",
        "measure": "Чем мерить",
    },
    "en": {
        "title": "Clusters: groups found by an algorithm",
        "subject": "Clusters",
        "recommended": "Recommendations by cluster",
        "lead": "The algorithm found {clusters}. The largest is “{largest}”: {customers}, {share} "
        "of all. Most revenue comes from “{richest}”: {revenue}.",
        "lead_same": "The algorithm found {clusters}. The largest and the one with most revenue is "
        "“{largest}”: {customers}, {share} of all, revenue {revenue}.",
        "lead_share": "{revenue}, {share} of all",
        "one": "The algorithm found no separate groups: all customers are in one cluster.",
        "meaning": "Customers of a cluster are alike in the features that the parameters name. A "
        "cluster describes behaviour; it does not say who will leave or whom to contact.",
        "method": "Why these clusters. {reason}",
        "unstable": "The clusters are not stable: index {stability}, at least {limit} is needed. "
        "Other customers of the same shop may form other groups, so build no lasting programmes "
        "on them.",
        "blurred": "The clusters run into one another: silhouette {silhouette}, at least {limit} "
        "is needed. A customer at a border could as well be put into the next cluster.",
        "sampled": "The clusters were found on a sample: {seen} of {customers}; the others were "
        "put into the nearest one.",
        "summary": "How the clusters differ",
        "summary_advice": "Check whether you recognise these groups: a name is made of the "
        "features that set the cluster apart most.",
        "cluster": "Cluster",
        "customers": "Customers",
        "share": "Share of customers",
        "interval": "Interval of the share",
        "revenue": "Sum of: {feature}",
        "any_revenue": "revenue",
        "revenue_share": "Share of revenue",
        "noise": "Far from all clusters",
        "differs": "How it differs",
        "radar_advice": "Choose tone and occasion by these features: the farther a line from "
        "zero, the more the cluster differs from the others.",
        "heatmap_advice": "Look for bright cells: in these features the cluster is unlike the "
        "others. Pale rows need no mention.",
        "choice_advice": "Trust clusters that are found again on resamples (stability) and stand "
        "apart (silhouette); points below the limits are a description only.",
        "moves": "Who moved where from {since} to {until}: {stayed} of {known} stayed in their "
        "cluster ({share})",
        "moves_undated": "Who moved where: {stayed} of {known} stayed in their cluster ({share})",
        "moves_new": "All customers are new: there is nothing to compare with",
        "moves_advice": "{largest} A row is where customers were, a column where they are now.",
        "largest_move": "The largest move: from “{origin}” to “{target}”, {customers}.",
        "no_move": "Nobody moved between clusters.",
        "money_moved": "Most in this time was brought by those who moved from “{origin}” to "
        "“{target}”: {money}",
        "money_stayed": "Most in this time was brought by those who were and are in “{target}”: "
        "{money}",
        "money_new": "Most in this time was brought by new customers in “{target}”: {money}",
        "no_money": "Customers brought nothing in this time",
        "money_advice": "Revenue less returns between the two dates. Clusters are computed from "
        "the same purchases, so a move is a trace of revenue, not its cause: do not pay for moves "
        "as if they were results.",
        "from": "Was in the cluster",
        "recommendations": "What to do with each cluster",
        "recommendations_advice": "A cluster suggests how to talk to a customer; whom to contact "
        "and when is decided by the plan of offers.",
        "for_all": "{label} for all clusters. {text}",
        "goal": "Goal",
        "action": "Action",
        "channel": "Channel",
        "do_not": "Do not",
        "measure": "Measure",
    },
}
_SUMMARY = Origin(dataset="cluster_summary", node="segmentation.summarise_clusters")
_PROFILE = Origin(dataset="cluster_profile", node="segmentation.profile_clusters")
_CANDIDATES = Origin(dataset="cluster_candidates", node="segmentation.fit_clusters")
_MIGRATION = Origin(dataset="cluster_migration", node="segmentation.migrate_clusters")
_NEW = "new"
_FEWEST_GROUPS = 2


def write_clusters(
    options: ReportingOptions,
    registry: FeatureRegistry,
    views: ReportViews,
    plan: ReportUnits,
    cluster_summary: pd.DataFrame | None = None,
    cluster_choice: dict[str, Any] | None = None,
    figure_cluster_radar: Figures | None = None,
    figure_cluster_heatmap: Figures | None = None,
    figure_cluster_choice: Figures | None = None,
    cluster_migration: pd.DataFrame | None = None,
    earlier_customers: ir.Table | None = None,
    era: dict[str, Any] | None = None,
    recommendations: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """Write the chapter of clusters.

    Args:
        options: Of the report.
        registry: What features are called.
        views: The feature that clusters are ordered by.
        plan: Currency.
        cluster_summary: Grain: cluster; None where segmentation has not run.
        cluster_choice: What was chosen and why.
        figure_cluster_radar: Clusters over the features in which they differ most.
        figure_cluster_heatmap: Clusters over all features.
        figure_cluster_choice: Candidates by stability and silhouette.
        cluster_migration: Grain: earlier and present cluster, all pairs; only of order lines.
        earlier_customers: Grain: one customer known at the earlier moment: cutoff.
        era: ``cutoff`` of the shop, ISO text.
        recommendations: Grain: view and name.

    Returns:
        The chapter, as JSON holds it.
    """
    title = filled(_TEXTS, "title")
    if cluster_summary is None or cluster_summary.empty:
        lacking = missing(texts_of(_TEXTS, "subject"), "segmentation")
        return Chapter(name="clusters", title=title, blocks=(lacking,)).plain()
    currency = read_units(plan).currency
    figures = {
        "radar": (figure_cluster_radar, _PROFILE),
        "heatmap": (figure_cluster_heatmap, _PROFILE),
        "choice": (figure_cluster_choice, _CANDIDATES),
    }
    blocks: tuple[Block, ...] = present(
        Paragraph(text=filled(_TEXTS, "meaning")),
        *_warnings(cluster_choice),
        _summary_table(cluster_summary, _revenue_label(views.order_by, registry), currency),
        *(_figure(name, *figure) for name, figure in figures.items()),
        *_reason(cluster_choice, registry),
        *_migration(cluster_migration, _dates(earlier_customers, era), currency),
        *_recommendations(cluster_summary, recommendations),
    )
    lead = _lead(cluster_summary, currency)
    return Chapter(name="clusters", title=title, lead=lead, blocks=blocks).plain()


def _number(value: float, decimals: int = 0) -> dict[Language, str]:
    return {language: number(value, language, decimals) for language in _TEXTS}


def _names(row: Row, prefix: str = "name_") -> dict[Language, str]:
    return {language: str(row[f"{prefix}{language}"]) for language in _TEXTS}


def _strings(row: Row) -> dict[str, str]:
    return {str(key): str(value) for key, value in row.items()}


def _records(table: pd.DataFrame) -> list[dict[Hashable, Any]]:
    return table.to_dict("records")


def _lead(summary: pd.DataFrame, currency: BothLanguages) -> BothLanguages:
    """Say how many clusters there are, which is the largest, and which brings most."""
    if len(summary) < _FEWEST_GROUPS:
        return filled(_TEXTS, "one")
    largest = _records(summary.nlargest(1, "customers", keep="first"))[0]
    richest = _records(summary.nlargest(1, "revenue", keep="first"))[0]
    revenue = amounts(richest["revenue"], currency)
    if cell(richest["revenue_share"]) is not None and (summary["revenue"] >= 0).all():
        text = filled(
            _TEXTS, "lead_share", revenue=revenue, share=percents(richest["revenue_share"])
        )
        revenue = {"ru": text.ru, "en": text.en}
    return filled(
        _TEXTS,
        "lead_same" if largest["cluster"] == richest["cluster"] else "lead",
        clusters={language: counted(len(summary), CLUSTERS, language) for language in _TEXTS},
        largest=_names(largest),
        customers=counts(largest["customers"]),
        share=percents(largest["share"]),
        richest=_names(richest),
        revenue=revenue,
    )


def _warnings(choice: Mapping[str, Any] | None) -> list[Notice]:
    """Say which limits the clusters miss, where they do."""
    if choice is None:
        return []
    notices = []
    for key, name in (("unstable", "stability"), ("blurred", "silhouette")):
        value, limit = choice["values"].get(name), choice["limits"][name]
        if value is not None and value < limit:
            words = {name: _number(value, 2), "limit": _number(limit, 2)}
            notices.append(Notice(level="warning", text=filled(_TEXTS, key, **words)))
    return notices


def _reason(choice: Mapping[str, Any] | None, registry: FeatureRegistry) -> list[Block]:
    """Say why these clusters were chosen, and what was done to the data for it."""
    if choice is None:
        return []
    reason = either(choice["reason"])
    blocks: list[Block] = [
        Paragraph(text=filled(_TEXTS, "method", reason={"ru": reason.ru, "en": reason.en}))
    ]
    if choice["seen"] < choice["customers"]:
        people = {"seen": _number(choice["seen"]), "customers": _number(choice["customers"])}
        blocks.append(Paragraph(text=filled(_TEXTS, "sampled", **people)))
    if choice["notes"]:
        blocks.append(Bullets(texts=tuple(_note(note, registry) for note in choice["notes"])))
    return blocks


def _note(note: Mapping[Language, str], registry: FeatureRegistry) -> BothLanguages:
    """Return a note with the feature that it begins with called as people call it."""

    def write(language: Language) -> str:
        name, colon, rest = note[language].partition(":")
        feature = registry.features.get(name)
        if feature is None:
            return note[language]
        label: str = getattr(feature.label or feature.definition, language)
        return f"{label[:1].upper()}{label[1:]}{colon}{rest}"

    return both(write)


def _revenue_label(order_by: str, registry: FeatureRegistry) -> BothLanguages:
    """Return what the sum that clusters are ordered by is called."""
    feature = registry.features.get(order_by)
    named = (
        filled(_TEXTS, "any_revenue") if feature is None else feature.label or feature.definition
    )
    return filled(_TEXTS, "revenue", feature={"ru": named.ru, "en": named.en})


def _summary_table(summary: pd.DataFrame, revenue: BothLanguages, currency: BothLanguages) -> Table:
    """Return what each cluster is like."""
    columns = {
        "customers": Column(label=filled(_TEXTS, "customers"), form="whole"),
        "share": Column(label=filled(_TEXTS, "share"), form="share", decimals=1),
        "revenue": Column(label=revenue, form="money"),
        "revenue_share": Column(label=filled(_TEXTS, "revenue_share"), form="share", decimals=1),
    }
    if (summary["noise_customers"] > 0).any():
        columns["noise_customers"] = Column(label=filled(_TEXTS, "noise"), form="whole")
    return Table(
        name="cluster_summary",
        title=filled(_TEXTS, "summary"),
        advice=filled(_TEXTS, "summary_advice"),
        origin=_SUMMARY,
        columns=(
            Column(label=filled(_TEXTS, "cluster")),
            Column(label=filled(_TEXTS, "differs")),
            *columns.values(),
            Column(label=filled(_TEXTS, "interval")),
        ),
        rows=tuple(
            (
                either(_strings(row), "name_"),
                _differs(row),
                *(cell(row[name]) for name in columns),
                _share_interval(row),
            )
            for row in _records(summary)
        ),
        currency=currency,
    )


def _share_interval(row: Row) -> BothLanguages | None:
    """Return the interval of the share of customers; a single cluster has none."""
    low, high = cell(row["share_low"]), cell(row["share_high"])
    if not isinstance(low, float) or not isinstance(high, float):
        return None
    return both(lambda language: f"{span(low * 100, high * 100, 1, language)}%")


def _differs(row: Row) -> BothLanguages | None:
    """Return how a cluster differs; a single one differs from nothing."""
    if cell(row["differs_ru"]) is None:
        return None
    return either(_strings(row), "differs_")


def _figure(name: str, figures: Figures | None, origin: Origin) -> Figure | None:
    return figure_from(
        figures, f"cluster_{name}", filled(_TEXTS, f"{name}_advice"), origin, main=name == "heatmap"
    )


def _dates(
    earlier: ir.Table | None, era: Mapping[str, Any] | None
) -> dict[str, dict[Language, str]] | None:
    """Return the two days between which customers moved, or None where they are not known."""
    if earlier is None or era is None:
        return None
    since = earlier.aggregate(at=earlier.cutoff.max()).to_pyarrow().to_pylist()[0]["at"]
    if since is None or era.get("cutoff") is None:
        return None
    days = {"since": since.isoformat(), "until": str(era["cutoff"])}
    return {
        name: {language: moment(day, language, minutes=False) for language in _TEXTS}
        for name, day in days.items()
    }


def _migration(
    moves: pd.DataFrame | None,
    dates: dict[str, dict[Language, str]] | None,
    currency: BothLanguages,
) -> list[Block]:
    """Return who moved where, in customers and in money; nothing where nobody could."""
    if moves is None or not (moves["customers"] > 0).any():
        return []
    table = moves.astype({"from_cluster": "str", "to_cluster": "str"})
    return [_customers_matrix(table, dates), _money_matrix(table, currency)]


def _customers_matrix(table: pd.DataFrame, dates: dict[str, dict[Language, str]] | None) -> Table:
    """Return the matrix of moves in customers."""
    known = table[table["from_cluster"] != _NEW]
    stayed = known[known["from_cluster"] == known["to_cluster"]]["customers"].sum()
    everybody = int(known["customers"].sum())
    if everybody:
        title = filled(
            _TEXTS,
            "moves" if dates else "moves_undated",
            stayed=_number(stayed),
            known=_number(everybody),
            share=percents(stayed / everybody),
            **(dates or {}),
        )
    else:
        title = filled(_TEXTS, "moves_new")
    largest = _largest_move(known)
    return Table(
        name="cluster_moves",
        title=title,
        advice=filled(_TEXTS, "moves_advice", largest={"ru": largest.ru, "en": largest.en}),
        origin=_MIGRATION,
        columns=_matrix_columns(table, Column(label=filled(_TEXTS, "from"), form="whole")),
        rows=_matrix_rows(table, "customers"),
    )


def _largest_move(known: pd.DataFrame) -> BothLanguages:
    """Name the move between two clusters that most customers made."""
    moved = known[(known["from_cluster"] != known["to_cluster"]) & (known["customers"] > 0)]
    if moved.empty:
        return filled(_TEXTS, "no_move")
    top = _records(moved.nlargest(1, "customers", keep="first"))[0]
    return filled(
        _TEXTS,
        "largest_move",
        origin=_names(top, "from_"),
        target=_names(top, "to_"),
        customers=counts(top["customers"]),
    )


def _money_matrix(table: pd.DataFrame, currency: BothLanguages) -> Table:
    """Return the matrix of moves in money that came in between the two moments."""
    top = _records(table.nlargest(1, "net_between", keep="first"))[0]
    is_new, is_same = top["from_cluster"] == _NEW, top["from_cluster"] == top["to_cluster"]
    title = filled(_TEXTS, "no_money")
    if top["net_between"] > 0:
        title = filled(
            _TEXTS,
            "money_new" if is_new else "money_stayed" if is_same else "money_moved",
            origin=_names(top, "from_"),
            target=_names(top, "to_"),
            money=amounts(top["net_between"], currency),
        )
    return Table(
        name="cluster_moves_money",
        title=title,
        advice=filled(_TEXTS, "money_advice"),
        origin=_MIGRATION,
        columns=_matrix_columns(table, Column(label=filled(_TEXTS, "from"), form="money")),
        rows=_matrix_rows(table, "net_between"),
        currency=currency,
    )


def _matrix_columns(table: pd.DataFrame, like: Column) -> tuple[Column, ...]:
    """Return a column per present cluster, in the form of ``like``, whose label heads the rows."""
    targets = table.drop_duplicates("to_cluster")
    heads = [
        Column(label=either(_strings(row), "to_"), form=like.form) for row in _records(targets)
    ]
    return (Column(label=like.label), *heads)


def _matrix_rows(table: pd.DataFrame, value: str) -> tuple[tuple[Any, ...], ...]:
    """Return a row per earlier cluster that anybody came from."""
    rows = []
    for _, moves in table.groupby("from_cluster", sort=False):
        if moves["customers"].sum() > 0:
            head = either(_strings(_records(moves)[0]), "from_")
            rows.append((head, *(cell(amount) for amount in moves[value])))
    return tuple(rows)


def _recommendations(
    summary: pd.DataFrame, recommendations: pd.DataFrame | None
) -> Sequence[Block]:
    """Return what to do with each cluster."""
    if recommendations is None:
        return [missing(texts_of(_TEXTS, "recommended"), "offers")]
    own = recommendations[recommendations["view"] == "cluster"].astype({"name": "str"})
    rows = own[own["name"].isin(summary["cluster"].astype("str"))]
    return advice_blocks(rows, "cluster_recommendations", _TEXTS, "cluster")
