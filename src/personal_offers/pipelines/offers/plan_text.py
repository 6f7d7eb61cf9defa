"""The plan on one page, for the people who send it: about ten lines in Russian and in English.

The page is Markdown. It says who gets what, what it costs and brings, what holds the plan back,
what it can prove and how far it rests on numbers that nobody measured. A plan without offers gets
a page that says why.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from personal_offers.features import BothLanguages, Language
from personal_offers.figure_style import SPACE, number, percent, significant
from personal_offers.markdown import markdown_safe
from personal_offers.pipelines.offers.catalogue_params import OfferCatalogue
from personal_offers.pipelines.offers.params import OfferOptions
from personal_offers.words import CUSTOMERS, OF_CUSTOMERS, OFFERS, Forms, counted, form_of

# A chance below this, or above one less it, is written as less, or more.
_UNSURE = 0.01

_TO_CUSTOMERS: Forms = {
    "ru": ("клиенту", "клиентам", "клиентам"),
    "en": ("customer", "customers"),
}
_ON_CUSTOMERS: Forms = {
    "ru": ("клиенте", "клиентах", "клиентах"),
    "en": ("customer", "customers"),
}
_GETS: Forms = {"ru": ("получает", "получают", "получают"), "en": ("gets", "get")}
_GOES_WITHOUT: Forms = {"ru": ("остаётся", "остаются", "остаются"), "en": ("goes", "go")}
_TEXTS: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "title": "План предложений на {date}",
        "provisional": "**План предварительный: не у всех, кто в нём, записано согласие на "
        "связь.** {exported} Если магазин хранит согласие, подтвердите это параметром "
        "`<магазин>.offers.gates.consent.confirmed=true` и пересчитайте план.",
        "exported_none": "Файлы для рассылки пусты.",
        "exported_some": "В файлах для рассылки только те, у кого оно записано: {customers}.",
        "when": "**Когда и в чём.** Предложения действуют с {date}; деньги: {currency}; единица "
        "прибыли магазина: {unit}.",
        "who": "**Кто получает.** Предложение {gets} {offered} из {customers}{channels}.",
        "nobody": "**Кто получает.** Никто из {customers}: {why}.",
        "nobody_why": "не нашлось предложения, которое окупается и помещается в бюджет и каналы",
        "channels": "; каналы: {list}",
        "channel": "{name} — {count}",
        "others": "**Кто не получает.** Без предложения {goes_without} {customers}: {list}.",
        "blocked": "{count} — отсеяны правилами",
        "not_offered": "{count} — в каталоге для них ничего нет",
        "does_not_pay": "{count} — предложение не окупается",
        "too_dear": "{count} — окупается, но на них не хватает бюджета или мест в канале",
        "other_outcome": "{count} — {name}",
        "money": "**Деньги.** План стоит {spend} ({budget}) и при базовых допущениях приносит "
        "{base} чистой прибыли; при осторожных {low}, при оптимистичных {high}.",
        "budget": "бюджет {budget}",
        "no_budget": "бюджет не ограничен",
        "top": "**Что отправляем.** Больше всего приносят:",
        "offer": "Предложение",
        "in_channel": "Канал",
        "count": "Клиентов",
        "cost": "Стоит",
        "gain": "Приносит",
        "rest": "остальные ({count})",
        "control": "**Контрольная группа.** Намеренно ничего не {gets} {control}. Сравнение с ними "
        "с вероятностью {power} покажет уменьшение доли снизивших активность, если оно не меньше "
        "{points} п. п.; меньшее этот план не докажет.",
        "control_small": "**Контрольная группа.** Намеренно ничего не {gets} {control}. Для "
        "доказательства эффекта клиентов слишком мало.",
        "no_control": "**Контрольная группа.** Её нет: доказать, что предложения подействовали, "
        "будет нельзя.",
        "gates": "**Что блокируют правила.** {list}.",
        "no_gates": "**Что блокируют правила.** Ничего: написать можно каждому.",
        "no_record": "**Что блокируют правила.** Пока ничего: согласие не записано, поэтому никто "
        "и не отказал (см. выше).",
        "gate_consent": "нет согласия на связь",
        "gate_channel": "нет канала, по которому можно написать",
        "gate_fatigue": "уже получили достаточно сообщений",
        "gate_margin_floor": "того, что приносит клиент, на предложение не хватает",
        "gate": "{name}: {customers}",
        "worth_consent": " (согласие ещё {of_customers} принесло бы {worth})",
        "worth": " (без этого запрета план заработал бы ещё {worth} на {on_customers})",
        "next": "**Следующие деньги.** Если добавить к бюджету {one}, чистая прибыль вырастет на "
        "{more}.",
        "next_nothing": "**Следующие деньги.** Больший бюджет ничего не прибавит: всё, что "
        "окупается и помещается в каналы, уже в плане.",
        "next_unlimited": "**Следующие деньги.** Бюджет не ограничен: всё, что окупается и "
        "помещается в каналы, уже в плане.",
        "best": " Доказано: при этих допущениях и ограничениях предложения нельзя раздать выгоднее "
        "(до жеребьёвки контрольной группы).",
        "gap": " Доказано: лучше раздать предложения можно не более чем на {gap}%.",
        "explored": " Случайное предложение, чтобы узнать, что работает, досталось {customers}.",
        "worst_loses": "**Если допущения неверны.** В худшем случае план теряет {low}",
        "worst_safe": "**Если допущения неверны.** Даже в худшем случае план не теряет денег",
        "probability": "; если взять допущения наугад из их пределов, ожидаемая прибыль больше "
        "нуля в {share} случаев",
        "units": "**Единица прибыли.** От неё зависят выводы, подтвердите, какая верна (в среднем "
        "по жеребьёвкам контрольной группы): {list}.",
        "unit": "{label}{chosen} — {offers}, {net}",
        "unit_empty": "{label}{chosen} — план пуст",
        "chosen": " (так считает план)",
        "do_not_touch": "**Не трогать.** {customers} лучше не писать: при базовых допущениях "
        "предложение обошлось бы дороже, чем принесёт. Это сбережёт {saves}. Даже при самых "
        "благоприятных допущениях не окупилось бы: {surely}.",
        "warnings": "**Предупреждения.** Какая разница была бы заметна и сколько клиентов нужно, "
        "чтобы заметить ожидаемую, — в `detectable_effects.csv`.",
    },
    "en": {
        "title": "Offer plan of {date}",
        "provisional": "**The plan is provisional: not everybody in it has a recorded consent to "
        "be contacted.** {exported} If the shop holds consent, confirm it with the parameter "
        "`<shop>.offers.gates.consent.confirmed=true` and make the plan again.",
        "exported_none": "The mailing files are empty.",
        "exported_some": "The mailing files hold only those who have one: {customers}.",
        "when": "**When, and in what.** Offers are valid from {date}; money: {currency}; unit of "
        "the shop's profit: {unit}.",
        "who": "**Who gets one.** {offered} out of {customers} {gets} an offer{channels}.",
        "nobody": "**Who gets one.** Nobody of {customers}: {why}.",
        "nobody_why": "no offer pays and fits into the budget and the channels",
        "channels": "; channels: {list}",
        "channel": "{name} – {count}",
        "others": "**Who gets none.** {customers} {goes_without} without an offer: {list}.",
        "blocked": "{count} – stopped by the rules",
        "not_offered": "{count} – the catalogue has nothing for them",
        "does_not_pay": "{count} – no offer pays",
        "too_dear": "{count} – an offer pays, but budget or channel room does not stretch to them",
        "other_outcome": "{count} – {name}",
        "money": "**Money.** The plan costs {spend} ({budget}) and earns {base} net under the base "
        "assumptions, {low} under the cautious ones and {high} under the hopeful ones.",
        "budget": "budget {budget}",
        "no_budget": "no budget limit",
        "top": "**What is sent.** What earns most:",
        "offer": "Offer",
        "in_channel": "Channel",
        "count": "Customers",
        "cost": "Costs",
        "gain": "Earns",
        "rest": "others ({count})",
        "control": "**Control group.** {control} {gets} nothing, on purpose. The comparison will "
        "show a drop in the share of decliners from {points} percentage points on, with a chance "
        "of {power}; this plan cannot prove a smaller one.",
        "control_small": "**Control group.** {control} {gets} nothing, on purpose. The group is "
        "too small to prove any effect.",
        "no_control": "**Control group.** There is none: nobody will be able to prove that the "
        "offers worked.",
        "gates": "**What the rules block.** {list}.",
        "no_gates": "**What the rules block.** Nothing: everybody may be contacted.",
        "no_record": "**What the rules block.** Nothing yet: no consent is recorded, so nobody has "
        "refused either (see above).",
        "gate_consent": "no consent to be contacted",
        "gate_channel": "no channel that reaches them",
        "gate_fatigue": "contacted often enough already",
        "gate_margin_floor": "what the customer brings is too little for an offer",
        "gate": "{name}: {customers}",
        "worth_consent": " (consent from {of_customers} would earn {worth})",
        "worth": " (without this rule the plan would earn {worth} more on {on_customers})",
        "next": "**The next money.** {one} more of budget would add {more} of net profit.",
        "next_nothing": "**The next money.** A larger budget adds nothing: all that pays and fits "
        "into the channels is in the plan.",
        "next_unlimited": "**The next money.** The budget is not limited: all that pays and fits "
        "into the channels is in the plan.",
        "best": " It is proven that under these assumptions and limits offers cannot be given out "
        "better (before the control group is drawn).",
        "gap": " It is proven that offers can be given out better by {gap}% at most.",
        "explored": " Drawn at random, to learn what works: offers to {customers}.",
        "worst_loses": "**If the assumptions are wrong.** At worst the plan loses {low}",
        "worst_safe": "**If the assumptions are wrong.** Even at worst the plan loses nothing",
        "probability": "; with assumptions drawn at random from their ranges, the expected profit "
        "is above zero in {share} of the draws",
        "units": "**Unit of profit.** The conclusions depend on it, so confirm which is right (on "
        "average over draws of the control group): {list}.",
        "unit": "{label}{chosen} – {offers}, {net}",
        "unit_empty": "{label}{chosen} – the plan is empty",
        "chosen": " (the plan counts so)",
        "do_not_touch": "**Do not touch.** It is better to send nothing to {customers}: under the "
        "base assumptions an offer would cost more than it brings. That saves {saves}. Not even "
        "under the most favourable ones would it pay for {surely}.",
        "warnings": "**Warnings.** `detectable_effects.csv` says which difference would be "
        "noticed, and how many customers it takes to notice the expected one.",
    },
}
_GATES = ("consent", "channel", "fatigue", "margin_floor")
_OUTCOMES = ("blocked", "not_offered", "does_not_pay", "too_dear")
_MOST_OFFERS = 5
# From here on an amount needs no digits behind the point.
_WHOLE_FROM = 100
# Share of the bound below which a gap is the rounding of the solver.
_NO_GAP = 1e-7


def write_plan(
    plan_summary: Mapping[str, Any],
    warnings: Sequence[Mapping[str, str]],
    catalogue: OfferCatalogue,
    options: OfferOptions,
) -> tuple[str, str]:
    """Write the plan on one page, in two languages.

    Args:
        plan_summary: ``plan_date`` (ISO), ``customers``, ``offered``, ``control``; ``blocked``
            (gate: ``customers``, ``sole`` of whom nothing else blocks, ``worth`` in currency
            units or None), ``none`` (outcome: customers), ``offers`` (each ``offer``, ``channel``,
            ``customers``, ``cost``, ``expected_net``), ``spend``, ``budget`` (None: no limit),
            ``expected_net_low``, ``expected_net``, ``expected_net_high``, ``next_unit_returns``
            (net profit per currency unit of budget), ``gap`` (share of the bound),
            ``provisional``, ``exported`` (customers in the files), ``explored`` (with a random
            offer), ``do_not_touch`` (``customers``, ``saves``, ``even_at_best``: of them, those for
            whom nothing pays at favourable ends either), ``probability_of_gain``,
            ``units`` (each ``label``, ``chosen``, ``offered``, ``expected_net``),
            ``detectable_effect`` (share of customers; None: the groups are too small for any) and
            ``explanation`` (both languages, or None). Money is in currency units. What is None
            or NaN is left out.
        warnings: Sentences in both languages.
        catalogue: Names of offers.
        options: Currency, channels, unit of profit, power of the control group.

    Returns:
        Markdown in Russian and in English, each ending with a line end. Texts from configuration
        and data are escaped.
    """
    russian = _Page(plan_summary, warnings, catalogue, options, "ru")
    english = _Page(plan_summary, warnings, catalogue, options, "en")
    return russian.text(), english.text()


def _known(value: Any) -> bool:
    return value is not None and not math.isnan(value)


@dataclass(frozen=True)
class _Page:
    """The lines of a page; a line without anything to say is empty."""

    summary: Mapping[str, Any]
    warnings: Sequence[Mapping[str, str]]
    catalogue: OfferCatalogue
    options: OfferOptions
    language: Language

    def text(self) -> str:
        """Return the page."""
        head = [f"# {self.say('title', date=self.date())}"]
        if self.summary["provisional"]:
            head.append("> " + self.say("provisional", exported=self.exported()))
        return "\n\n".join([*head, *(f"- {line}" for line in self.lines() if line)]) + "\n"

    def exported(self) -> str:
        """Say who is in the mailing files of a provisional plan."""
        count = self.summary["exported"]
        return self.say(
            "exported_some" if count else "exported_none", customers=self.counted(count)
        )

    def lines(self) -> list[str]:
        """Return the lines in their order."""
        empty = not self.summary["offered"] and not self.summary["control"]
        if empty:
            middle = [self.nobody(), self.others(), self.gates(), self.next_money(empty)]
        else:
            middle = [self.who(), self.others(), self.money(), self.top(), self.control()]
            middle += [self.gates(), self.next_money(empty), self.assumptions()]
        return [self.when(), *middle, self.units(), self.do_not_touch(), self.warned()]

    # --- words and numbers ---------------------------------------------------------------------
    def say(self, key: str, /, **values: str) -> str:
        """Return a sentence of this language, with its values filled in."""
        return _TEXTS[self.language][key].format(**values)

    def own(self, text: BothLanguages) -> str:
        """Return a text of the configuration in this language."""
        return markdown_safe(getattr(text, self.language))

    def counted(self, count: Any, word: Forms = CUSTOMERS) -> str:
        """Write a count with its word."""
        return counted(int(count), word, self.language)

    def form(self, count: Any, word: Forms) -> str:
        """Return the form of a word for a count."""
        return form_of(int(count), word, self.language)

    def money_text(self, value: Any) -> str:
        """Write an amount with its currency, and with the digits that count."""
        size = float(value)
        whole = abs(size) >= _WHOLE_FROM or size == round(size)
        text = number(size, self.language) if whole else significant(size, self.language)
        return f"{text}{SPACE}{self.own(self.options.currency)}"

    def date(self) -> str:
        """Write the day of the plan as people do."""
        day = date.fromisoformat(self.summary["plan_date"])
        return day.strftime("%d.%m.%Y" if self.language == "ru" else "%Y-%m-%d")

    def channel_name(self, name: str) -> str:
        """Return what people call a channel."""
        channel = self.options.channels.get(name)
        return markdown_safe(name) if channel is None else self.own(channel.label)

    def offer_name(self, name: str) -> str:
        """Return what people call an offer."""
        offer = self.catalogue.offers.get(name)
        return markdown_safe(name) if offer is None else self.own(offer.name)

    # --- lines ---------------------------------------------------------------------------------
    def when(self) -> str:
        """Say the day, the currency and the unit of profit."""
        chosen = self.options.profit_unit
        return self.say(
            "when",
            date=self.date(),
            currency=self.own(self.options.currency),
            unit=self.own(chosen.units[chosen.chosen].label),
        )

    def who(self) -> str:
        """Say how many get an offer, and through which channels."""
        by_channel: dict[str, int] = {}
        for row in self.summary["offers"]:
            by_channel[row["channel"]] = by_channel.get(row["channel"], 0) + int(row["customers"])
        ranked = sorted(by_channel.items(), key=lambda pair: (-pair[1], pair[0]))
        named = ", ".join(
            self.say("channel", name=self.channel_name(name), count=number(n, self.language))
            for name, n in ranked
            if n
        )
        offered = self.summary["offered"]
        return self.say(
            "who",
            gets=self.form(offered, _GETS),
            offered=self.counted(offered),
            customers=number(self.summary["customers"], self.language),
            channels=self.say("channels", list=named) if named else "",
        )

    def nobody(self) -> str:
        """Say why nobody gets an offer."""
        given = self.summary["explanation"]
        why = markdown_safe(given[self.language]).rstrip(".") if given else self.say("nobody_why")
        customers = self.counted(self.summary["customers"], OF_CUSTOMERS)
        return self.say("nobody", customers=customers, why=why)

    def others(self) -> str:
        """Say how many get nothing, by reason."""
        counts = {name: int(count) for name, count in self.summary["none"].items() if count}
        if not counts:
            return ""
        names = [name for name in _OUTCOMES if name in counts]
        names += sorted(set(counts) - set(names))
        parts = [
            self.say(
                name if name in _OUTCOMES else "other_outcome",
                count=number(counts[name], self.language),
                name=markdown_safe(name),
            )
            for name in names
        ]
        total = sum(counts.values())
        return self.say(
            "others",
            goes_without=self.form(total, _GOES_WITHOUT),
            customers=self.counted(total),
            list="; ".join(parts),
        )

    def money(self) -> str:
        """Say what the plan costs and brings."""
        summary, budget = self.summary, self.say("no_budget")
        if _known(summary["budget"]):
            budget = self.say("budget", budget=self.money_text(summary["budget"]))
        return self.say(
            "money",
            spend=self.money_text(summary["spend"]),
            budget=budget,
            base=self.money_text(summary["expected_net"]),
            low=self.money_text(summary["expected_net_low"]),
            high=self.money_text(summary["expected_net_high"]),
        )

    def top(self) -> str:
        """List the offers that bring most, and the sum of the others."""
        ranked = sorted(
            (row for row in self.summary["offers"] if row["customers"]),
            key=lambda row: -row["expected_net"],
        )
        if not ranked:
            return ""
        rows = [
            self.offer_row(self.offer_name(row["offer"]), self.channel_name(row["channel"]), [row])
            for row in ranked[:_MOST_OFFERS]
        ]
        if rest := ranked[_MOST_OFFERS:]:
            count = number(len(rest), self.language)
            rows.append(self.offer_row(self.say("rest", count=count), "", rest))
        heads = (self.say(name) for name in ("offer", "in_channel", "count", "cost", "gain"))
        table = [f"| {' | '.join(heads)} |", "|---|---|--:|--:|--:|", *rows]
        # Set in, so that the table belongs to its line of the list.
        return "\n".join([self.say("top"), "", *(f"  {line}" for line in table)])

    def offer_row(self, name: str, channel: str, rows: Sequence[Mapping[str, Any]]) -> str:
        """Return one line of the table of offers: the sum of the rows."""
        customers, cost, net = (
            sum(row[key] for row in rows) for key in ("customers", "cost", "expected_net")
        )
        count = number(customers, self.language)
        money = f"{self.money_text(cost)} | {self.money_text(net)}"
        return f"| {name} | {channel} | {count} | {money} |"

    def control(self) -> str:
        """Say who gets nothing on purpose, and what that can prove."""
        count, control = self.summary["control"], self.options.control
        if not count:
            return self.say("no_control")
        words = {"gets": self.form(count, _GETS), "control": self.counted(count)}
        least = self.summary["detectable_effect"]
        if not _known(least):
            return self.say("control_small", **words)
        points = number(100 * least, self.language, 1)
        return self.say(
            "control", **words, points=points, power=percent(control.power, self.language)
        )

    def gates(self) -> str:
        """Say whom each gate blocks, and what that is worth."""
        blocked = {gate: row for gate, row in self.summary["blocked"].items() if row["customers"]}
        if not blocked:
            return self.say("no_record" if self.summary["provisional"] else "no_gates")
        names = [gate for gate in _GATES if gate in blocked]
        names += sorted(set(blocked) - set(names))
        parts = [self.gate(gate, blocked[gate]) for gate in names]
        listed = "; ".join(parts)
        return self.say("gates", list=listed[:1].upper() + listed[1:])

    def gate(self, gate: str, row: Mapping[str, Any]) -> str:
        """Say whom one gate blocks."""
        name = self.say(f"gate_{gate}") if gate in _GATES else markdown_safe(gate)
        text = self.say("gate", name=name, customers=self.counted(row["customers"]))
        if not _known(row["worth"]) or not row["sole"]:
            return text
        return text + self.say(
            "worth_consent" if gate == "consent" else "worth",
            worth=self.money_text(row["worth"]),
            of_customers=self.counted(row["sole"], OF_CUSTOMERS),
            on_customers=self.counted(row["sole"], _ON_CUSTOMERS),
        )

    def next_money(self, empty: bool) -> str:
        """Say what the next unit of money returns, and how far the plan is from the best."""
        returns, gap = self.summary["next_unit_returns"], self.summary["gap"]
        if _known(returns) and returns > 0:
            more = self.money_text(returns)
            line = self.say("next", one=self.money_text(1), more=more)
        elif empty:
            return ""
        else:
            limited = _known(self.summary["budget"])
            line = self.say("next_nothing" if limited else "next_unlimited")
        if empty or not _known(gap):
            return line
        if explored := self.summary["explored"]:
            line += self.say("explored", customers=self.counted(explored, _TO_CUSTOMERS))
            return line
        if gap <= _NO_GAP:
            return line + self.say("best")
        # The gap is a share of the bound; what the best could add is a share of the plan.
        more = significant(100 * gap / (1 - gap), self.language, 1) if gap < 1 else "100"
        return line + self.say("gap", gap=more)

    def assumptions(self) -> str:
        """Say how the plan fares when all is as bad as assumed, and how likely it gains."""
        low = self.summary["expected_net_low"]
        line = self.say("worst_loses" if low < 0 else "worst_safe", low=self.money_text(abs(low)))
        chance = self.summary["probability_of_gain"]
        if _known(chance):
            # So many draws cannot tell the outermost chances from certainty.
            share = percent(min(max(chance, _UNSURE), 1 - _UNSURE), self.language)
            sign = "<" if chance < _UNSURE else ">" if chance > 1 - _UNSURE else ""
            line += self.say("probability", share=sign.replace("<", "&lt;") + share)
        return line + "."

    def units(self) -> str:
        """Say what the plan would be for each unit that profit may be counted in."""
        units = self.summary["units"]
        if len(units) < 2:  # noqa: PLR2004
            return ""
        parts = [
            self.say(
                "unit" if unit["offered"] else "unit_empty",
                label=markdown_safe(unit["label"][self.language]),
                chosen=self.say("chosen") if unit["chosen"] else "",
                offers=self.counted(unit["offered"], OFFERS),
                net=self.money_text(unit["expected_net"]),
            )
            for unit in units
        ]
        return self.say("units", list="; ".join(parts))

    def do_not_touch(self) -> str:
        """Say whom an offer would cost more than it brings."""
        listed = self.summary["do_not_touch"]
        if not listed["customers"]:
            return ""
        return self.say(
            "do_not_touch",
            customers=self.counted(listed["customers"], _TO_CUSTOMERS),
            saves=self.money_text(listed["saves"]),
            surely=number(listed["even_at_best"], self.language),
        )

    def warned(self) -> str:
        """List the warnings."""
        if not self.warnings:
            return ""
        each = [f"  - {markdown_safe(warning[self.language])}" for warning in self.warnings]
        return "\n".join([self.say("warnings"), *each])
