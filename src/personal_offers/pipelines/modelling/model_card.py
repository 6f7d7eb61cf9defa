"""The model card: what the decline model is, how good it is, and what it must not be used for.

After Mitchell and others (2019, "Model cards for model reporting"). A card is Markdown in one
language. Sections without anything to say are left out; a shop without a model gets a card that
says why, and what a model would need.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

import pandas as pd

from personal_offers.activity_params import ActivityOptions
from personal_offers.features import FeatureRegistry, Language
from personal_offers.figure_style import decimals_of, number, percent, plain, significant, span
from personal_offers.markdown import markdown_safe
from personal_offers.pipelines.modelling.figures import are_baselines, feature_title
from personal_offers.pipelines.modelling.model_card_texts import TEXTS
from personal_offers.pipelines.modelling.words import model_title

# Digits behind the point of each measure, in the order in which they are shown.
_MEASURES = {
    "roc_auc": 3,
    "average_precision": 3,
    "brier": 3,
    "log_loss": 3,
    "lift_at_10": 2,
    "calibration_slope": 2,
    "expected_calibration_error": 3,
}
_MOST_DRIVERS = 10
_GAIN_DIGITS = 2


@dataclass(frozen=True)
class CardInput:
    """What a card is made of; what is None or empty is left out.

    Attributes:
        metrics: ``metrics.json``: figures, baselines and protocol, or ``withheld``.
        registry: Features of the shop.
        era: ``era.json`` of a shop of order lines.
        activity: Parameters of the computed label; None
            where the shop gives the label.
        plan: Cutoffs of a shop with time: ``test``, ``evaluation``.
        prevalence: Grain: cutoff and share (see ``activity_labels.prevalence_table``).
        candidates: Grain: model (see ``comparison.compare_candidates``).
        decision: ``decision.json``.
        captured: Grain: ranking and share (see ``decision.captured_profit``).
        audit: Grain: check and subject: check, subject, verdict, finding_ru, finding_en.
        drivers: Grain: feature: feature, group, actionable, mean_abs, rank.
        facts: Of the stored model (see ``artefacts.training_facts``).
    """

    metrics: Mapping[str, Any]
    registry: FeatureRegistry
    era: Mapping[str, Any] | None = None
    activity: ActivityOptions | None = None
    plan: Mapping[str, Any] | None = None
    prevalence: pd.DataFrame | None = None
    candidates: pd.DataFrame | None = None
    decision: Mapping[str, Any] | None = None
    captured: pd.DataFrame | None = None
    audit: pd.DataFrame | None = None
    drivers: pd.DataFrame | None = None
    facts: Mapping[str, Any] | None = None


def write_model_card(given: CardInput, language: Language) -> str:
    """Write the card of one shop in one language.

    Args:
        given: Everything that is known of the model.
        language: Of all texts and numbers.

    Returns:
        Markdown, ending with a line end. Texts from data are escaped.
    """
    card = _Card(given, language)
    if given.metrics.get("withheld"):
        sections = [("no_model", card.withheld()), ("data", card.data())]
        sections.append(("label", card.label()))
    else:
        sections = [
            ("purpose", card.bullets("for_1", "for_2", "for_3")),
            ("not_for", card.bullets("not_1", "not_2", "not_3", "not_4", "not_5", "not_6")),
            ("data", card.data()),
            ("who", card.who()),
            ("label", card.label()),
            ("protocol", card.protocol()),
            ("figures", card.figures()),
            ("candidates", card.candidates()),
            ("calibration", card.calibration()),
            ("decision", card.decision()),
            ("audit", card.audit()),
            ("drivers", card.drivers()),
            ("limits", card.limits()),
            ("reproduce", card.reproduce()),
        ]
    blocks = [f"# {card.say('title')}"]
    for name, lines in sections:
        if lines:
            blocks += [f"## {card.say(name)}", *lines]
    return "\n\n".join(blocks) + "\n"


@dataclass(frozen=True)
class _Card:
    """The sections of a card; each is a list of blocks, empty when there is nothing to say."""

    given: CardInput
    language: Language

    # --- words and numbers ---------------------------------------------------------------------
    def say(self, name: str, **values: str) -> str:
        """Return a sentence of this language, with its values filled in."""
        return TEXTS[self.language][name].format(**values)

    def known(self, name: str) -> str:
        """Return the words for a name of this project; another name as it is."""
        return TEXTS[self.language].get(name) or markdown_safe(name)

    def bullets(self, *names: str) -> list[str]:
        """Return sentences as a list."""
        return _bullets(self.say(name) for name in names)

    def count(self, value: Any) -> str:
        """Write a whole number with thousands apart."""
        return number(float(value), self.language)

    def share(self, value: Any) -> str:
        """Write a share as a percentage."""
        return percent(float(value), self.language)

    def round_share(self, value: Any) -> str:
        """Write a share that was given as a parameter: 5% or 12.5%."""
        return plain(100 * float(value), self.language) + "%"

    def amount(self, value: Any) -> str:
        """Write an amount with the digits that count."""
        return significant(float(value), self.language)

    def moment(self, text: Any) -> str:
        """Write a date as people do, with the time where it is not midnight."""
        moment = datetime.fromisoformat(str(text))
        date = moment.strftime("%d.%m.%Y" if self.language == "ru" else "%Y-%m-%d")
        return date if moment.time() == time() else f"{date} {moment:%H:%M}"

    def within(self, low: Any, high: Any, decimals: int) -> str:
        """Return " (low–high)", or nothing where an end is not known."""
        if low is None or high is None or pd.isna(low) or pd.isna(high):
            return ""
        return f" ({span(float(low), float(high), decimals, self.language)})"

    def measured(self, found: Mapping[str, Any] | None, decimals: int) -> str:
        """Write a figure with its interval; a dash where it does not exist."""
        value = (found or {}).get("value")
        if found is None or value is None or pd.isna(value):
            return "—"
        interval = self.within(found.get("low"), found.get("high"), decimals)
        return number(float(value), self.language, decimals) + interval

    # --- sections ------------------------------------------------------------------------------
    def withheld(self) -> list[str]:
        """Say why there is no model and what is needed."""
        reason = markdown_safe(self.given.metrics["withheld"][self.language]).rstrip(".")
        activity = self.given.activity
        needed = ["needed_labels"]
        values: dict[str, str] = {}
        if activity is not None:
            needed = ["needed_days", "needed_customers"]
            values = {
                "days": self.count(activity.least_days),
                "baseline": self.count(activity.shortest_baseline_days),
                "outcome": self.count(activity.days_after),
                "fewest": self.count(activity.fewest_per_class),
            }
        return [
            self.say("why", reason=reason),
            self.say("needed"),
            *_bullets(self.say(name, **values) for name in needed),
            self.say("instead"),
        ]

    def data(self) -> list[str]:
        """Say where the data begin and end, and what they hold."""
        era = self.given.era
        if not era:
            return [self.say("no_time")]
        lines = [
            self.say(
                "data_span",
                start=self.moment(era["data_from"]),
                end=self.moment(era["data_to"]),
                cutoff=self.moment(era["cutoff"]),
                timezone=markdown_safe(era["timezone"]),
            ),
            self.say(
                "data_counts",
                currency=markdown_safe(era["currency"]),
                **{name: self.count(era[name]) for name in ("customers", "orders")},
                repeat_buyers=self.count(era["repeat_buyers"]),
            ),
        ]
        if era.get("break"):
            lines.append(markdown_safe(era["break"]["sentence"][self.language]))
        return _bullets(lines)

    def who(self) -> list[str]:
        """Count who judges the model and who made it."""
        protocol, facts = self.given.metrics.get("protocol") or {}, self.given.facts or {}
        lines = []
        if "customers" in protocol:
            lines.append(self.say("customers", customers=self.count(protocol["customers"])))
        if protocol.get("twin_groups") and not (self.given.plan or {}).get("test"):
            lines.append(self.say("twins", groups=self.count(protocol["twin_groups"])))
        left_out = ((self.given.decision or {}).get("left_out") or {}).get("customers")
        if left_out:
            lines.append(self.say("left_out", left_out=self.count(left_out)))
        if "rows" in facts and "customers" in facts:
            counts = {name: self.count(facts[name]) for name in ("rows", "customers")}
            lines.append(self.say("rows_trained", **counts))
        if names := protocol.get("features_without_values"):
            lines.append(self.say("empty_features", names=", ".join(map(markdown_safe, names))))
        return _bullets(lines)

    def label(self) -> list[str]:
        """Say what declined means, and how many did."""
        activity = self.given.activity
        if activity is None:
            lines = [] if self.given.metrics.get("withheld") else [self.say("label_given")]
        else:
            gap = activity.gap_days
            lines = [
                self.say(
                    "label_computed",
                    measure=self.say(activity.measure),
                    outcome=self.count(activity.outcome_days),
                    share=self.round_share(activity.share),
                    baseline=self.count(activity.baseline_days),
                    shortest=self.count(activity.shortest_baseline_days),
                    gap=self.say("label_gap", gap=self.count(gap)) if gap else "",
                ),
                self.say(
                    "label_who",
                    orders=self.count(activity.minimum_orders),
                    recent=self.count(activity.recent_days),
                ),
            ]
        protocol = self.given.metrics.get("protocol") or {}
        if "declined_share" in protocol:
            lines.append(self.say("prevalence", share=self.share(protocol["declined_share"])))
        return [*_bullets(lines), *self.sensitivity()]

    def sensitivity(self) -> list[str]:
        """Show how the share of decliners depends on the threshold."""
        table = self.given.prevalence
        known = None if table is None else table[table["declined_share"].notna()]
        if known is None or known.empty:
            return []
        rows = [
            [
                self.round_share(row["share"]),
                self.count(row["eligible"]),
                self.count(row["declined"]),
                self.share(row["declined_share"]),
            ]
            for row in known.to_dict("records")
        ]
        heads = ("share", "eligible", "declined", "declined_share")
        return [self.say("sensitivity"), _table([self.say(name) for name in heads], rows)]

    def protocol(self) -> list[str]:
        """Say how the model was tested."""
        protocol, plan = self.given.metrics.get("protocol") or {}, self.given.plan or {}
        lines = []
        if plan.get("test"):
            training = ", ".join(self.moment(moment) for moment in plan["evaluation"])
            test = self.moment(plan["test"])
            lines.append(self.say("out_of_time", training=training, test=test))
        repeats = protocol.get("repeats")
        if protocol.get("folds") and not plan.get("test"):
            folds = self.count(protocol["folds"])
            lines.append(self.say("folds", folds=folds, repeats=self.count(repeats)))
        elif repeats:
            lines.append(self.say("repeats", repeats=self.count(repeats)))
        if not protocol:
            return _bullets(lines)
        lines.append(self.say("inside"))
        if "confidence" in protocol and "bootstrap" in protocol:
            confidence = self.round_share(protocol["confidence"])
            drawn = self.count(protocol["bootstrap"])
            lines.append(self.say("intervals", confidence=confidence, bootstrap=drawn))
        return _bullets(lines)

    def figures(self) -> list[str]:
        """Show the figures beside those of the rules."""
        figures, baselines = self.given.metrics.get("metrics"), self.given.metrics.get("baselines")
        if not figures:
            return []
        columns = {self.say("this_model"): figures} | {
            markdown_safe(model_title(name, self.language)): found
            for name, found in (baselines or {}).items()
        }
        rows = [
            [
                self.known(name),
                *(self.measured(each.get(name), decimals) for each in columns.values()),
            ]
            for name, decimals in _MEASURES.items()
            if name in figures
        ]
        return [_table([self.say("measure"), *columns], rows)]

    def candidates(self) -> list[str]:
        """Show the models that were compared, and who won."""
        table = self.given.candidates
        if table is None or table.empty:
            return []
        won = table["winner"].eq(True) & ~are_baselines(table)
        rows = []
        for row, wins in zip(table.to_dict("records"), won, strict=True):
            name = markdown_safe(model_title(row["model"], self.language))
            cells = [f"**{name}** ({self.say('winner')})" if wins else name]
            for measure in ("roc_auc", "brier", "difference"):
                found = {"value": row.get(measure)} | {
                    end: row.get(f"{measure}_{end}") for end in ("low", "high")
                }
                cells.append(self.measured(found, _MEASURES["roc_auc"]))
            rows.append(cells)
        lines = [self.say("candidates_note")]
        if "difference_low" in table:
            beats = bool((table.loc[won, "difference_low"] > 0).any())
            lines.append(self.say("beats" if beats else "not_beats"))
        heads = [self.say("candidate"), "ROC-AUC", "Brier", self.say("difference")]
        return [_table(heads, rows), " ".join(lines)]

    def calibration(self) -> list[str]:
        """Say how far the probabilities can be taken at their word."""
        metrics = self.given.metrics
        found = metrics.get("averaged_over_repeats") or metrics.get("metrics") or {}
        lines = []
        slope, gap = found.get("calibration_slope"), found.get("expected_calibration_error")
        if slope and slope.get("value") is not None:
            value = number(slope["value"], self.language, 2)
            interval = self.within(slope.get("low"), slope.get("high"), 2)
            lines.append(self.say("slope", value=value, interval=interval))
        if gap and gap.get("value") is not None:
            points = {
                name: 100 * gap[name]
                for name in ("value", "low", "high")
                if gap.get(name) is not None
            }
            value = number(points.get("value", 0.0), self.language, 1)
            interval = self.within(points.get("low"), points.get("high"), 1)
            lines.append(self.say("ece", value=value, interval=interval))
        return _bullets(lines)

    def decision(self) -> list[str]:
        """Say from which risk on a contact pays."""
        decision = self.given.decision
        if not decision or decision.get("withheld") or "best" not in decision:
            return []
        best, gain = decision["best"], decision["gain_over_half"]
        lines = [self.say("best_nobody")]
        if best["threshold"] is not None:
            digits = decimals_of(best["profit"])
            lines = [
                self.say(
                    "best",
                    threshold=number(best["threshold"], self.language, 2),
                    share=self.share(best["contacted_share"]),
                    profit=self.amount(best["profit"]),
                    interval=self.within(best["profit_low"], best["profit_high"], digits),
                    unit=markdown_safe(decision["unit"][self.language]),
                )
            ]
        digits = decimals_of(gain["value"], _GAIN_DIGITS)
        lines.append(
            self.say(
                "half",
                profit=self.amount(decision["at_half"]["profit"]),
                gain=number(gain["value"], self.language, digits),
                interval=self.within(gain["low"], gain["high"], digits),
            )
        )
        if best.get("break_even_save_rate") is not None:
            lines.append(self.say("break_even", rate=self.share(best["break_even_save_rate"])))
        worst, highest = best["profit_worst_case"], best["profit_best_case"]
        lines.append(self.say("extremes", worst=self.amount(worst), best=self.amount(highest)))
        return [*_bullets([*lines, *self.captured()]), *self.assumptions(decision)]

    def captured(self) -> list[str]:
        """Say how much of the profit at risk the first customers hold."""
        table = self.given.captured
        if table is None or table.empty:
            return []
        ideal = table[table["ranking"] == "ideal"].set_index("top_share")["captured"]
        own = table[(table["ranking"] == "risk_x_profit") & table["captured"].notna()]
        return [
            self.say(
                "captured",
                top=self.round_share(row["top_share"]),
                captured=self.share(row["captured"]),
                interval=self.shares_within(row["captured_low"], row["captured_high"]),
                ideal=self.share(ideal[row["top_share"]]),
            )
            for row in own.to_dict("records")
        ]

    def shares_within(self, low: float, high: float) -> str:
        """Return two shares as an interval."""
        if pd.isna(low) or pd.isna(high):
            return ""
        return f" ({self.share(low)}–{self.share(high)})"

    def assumptions(self, decision: Mapping[str, Any]) -> list[str]:
        """Show what nobody measured."""
        rows = [
            [
                self.known(name),
                *(plain(each[level], self.language) for level in ("low", "base", "high")),
                markdown_safe(each["source"][self.language]),
            ]
            for name, each in (decision.get("assumptions") or {}).items()
        ]
        heads = ("assumption", "low", "base", "high", "source")
        if not rows:
            return []
        return [self.say("assumptions"), _table([self.say(name) for name in heads], rows)]

    def audit(self) -> list[str]:
        """Say what the leak audit found."""
        table = self.given.audit
        if table is None or table.empty:
            return []
        counts = table["verdict"].value_counts()
        failed, warned = (int(counts.get(name, 0)) for name in ("fail", "warn"))
        numbers = {"failed": failed, "warned": warned, "all": len(table)}
        said = {name: self.count(value) for name, value in numbers.items()}
        lines = [self.say("audit_failed" if failed else "audit_passed", **said)]
        shown = table[table["verdict"].isin(["fail", "warn"])].sort_values("verdict", kind="stable")
        rows = [
            [self.say(row["verdict"]), markdown_safe(row[f"finding_{self.language}"])]
            for row in shown.to_dict("records")
        ]
        if rows:
            lines.append(_table([self.say("verdict"), self.say("finding")], rows))
        return lines

    def drivers(self) -> list[str]:
        """Show what the score leans on."""
        table = self.given.drivers
        if table is None or table.empty:
            return []
        first = table.sort_values("rank", kind="stable").head(_MOST_DRIVERS)
        rows = [
            [
                markdown_safe(feature_title(row["feature"], self.given.registry, self.language)),
                self.known(row["group"]),
                self.say("yes" if row["actionable"] else "no"),
                number(100 * row["mean_abs"], self.language, 1),
            ]
            for row in first.to_dict("records")
        ]
        heads = [self.say(name) for name in ("feature", "group", "actionable", "points")]
        return [_table(heads, rows), self.say("drivers_note")]

    def limits(self) -> list[str]:
        """Say what the figures do not prove."""
        decision, features = self.given.decision or {}, self.given.registry.features.values()
        lines = []
        if self.given.activity is None and any(each.model and each.nowcast for each in features):
            lines.append(self.say("limit_given"))
        if (self.given.plan or {}).get("test"):
            lines.append(self.say("limit_one_test"))
        lines.append(self.say("limit_intervals"))
        if decision.get("best"):
            lines.append(self.say("limit_profit"))
            if decision.get("out_of_sample") is not None:
                value = self.amount(decision["out_of_sample"])
                lines.append(self.say("limit_threshold", value=value))
        return _bullets(lines)

    def reproduce(self) -> list[str]:
        """Say how to get the same model again."""
        seed = (self.given.metrics.get("protocol") or {}).get("seed")
        lines = [] if seed is None else [self.say("seed", seed=str(int(seed)))]
        lines.append(self.say("artefact"))
        if (self.given.facts or {}).get("data_hash"):
            hashed = re.sub(r"\W", "", str((self.given.facts or {})["data_hash"]))
            lines.append(self.say("data_hash", hash=hashed))
        return _bullets(lines)


def _bullets(lines: Iterable[str]) -> list[str]:
    """Return one block with a line per point."""
    points = "\n".join(f"- {line}" for line in lines)
    return [points] if points else []


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; columns of numbers are right-aligned."""
    right = [
        bool(rows) and all(not cell or cell[0].isdigit() or cell[0] in "—−" for cell in column)
        for column in zip(*rows, strict=True)
    ] or [False] * len(heads)
    rule = ["---:" if each else "---" for each in right]
    return "\n".join(f"| {' | '.join(line)} |" for line in [heads, rule, *rows])
