"use strict";
// The plan under other budgets.
Report.widgets.set("budget", (place, data) => {
  const { texts, element, fill, number, significant, customers } = Report;
  const money = (value) => Report.unit(significant(value), data.currency);
  const budgetText = (each) =>
    (each.budget === null || each.budget === undefined ? texts.no_limit : money(each.budget));

  const dial = Report.slider(texts.budget, data.budgets.length - 1, data.index, update);
  dial.input.dataset.slider = "budget";
  const reset = element("button", { type: "button", onclick: () => {
    dial.input.value = data.index;
    update();
  } }, texts.to_plan);
  const state = element("p", { class: "unseen", role: "status" });
  const values = new Map();
  const tiles = element("dl", { class: "tiles" });
  for (const key of ["spend", "offered", "expected_net", "next"]) {
    const value = element("dd", { class: "value", "data-value": key });
    values.set(key, value);
    tiles.append(element("div", { class: "tile" }, element("dt", {}, texts[key]), value));
  }
  const change = element("p", { class: "change" });
  const body = element("tbody");
  const heads = [texts.customers, fill(texts.cost, { currency: data.currency }),
    fill(texts.net, { currency: data.currency })];
  const table = element("table", {}, element("thead", {}, element("tr", {},
    element("th", { scope: "col" }, texts.offer),
    ...heads.map((text) => element("th", { scope: "col", class: "number" }, text)))), body);
  const label = place.parentElement.querySelector("h3").textContent;
  const offers = Report.scrolling(label, table);
  const nobody = element("p", {}, texts.no_offers);
  place.append(element("div", { class: "fields" }, dial.field), state, tiles, change, offers, nobody,
    element("div", { class: "pages" }, reset));
  update();

  function row([name, count, cost, net]) {
    const cells = [number(count), significant(cost), significant(net)];
    return element("tr", {},
      element("th", { scope: "row" }, element("bdi", {}, data.offers[name] ?? name)),
      ...cells.map((text) => element("td", { class: "number" }, text)));
  }

  function update() {
    const chosen = data.budgets[dial.place];
    dial.say(chosen.is_plan ? `${budgetText(chosen)} (${texts.plan})` : budgetText(chosen));
    values.get("spend").textContent = money(chosen.spend);
    values.get("offered").textContent = number(chosen.customers);
    values.get("expected_net").textContent = money(chosen.expected_net);
    values.get("next").textContent = chosen.next_unit_returns
      ? money(chosen.next_unit_returns) : texts.next_nothing;
    const against = { enter: number(chosen.enter), leave: number(chosen.leave),
      change: number(chosen.change) };
    change.textContent = chosen.is_plan ? texts.is_plan : fill(texts.against_plan, against);
    body.replaceChildren(...chosen.offers.map(row));
    offers.hidden = chosen.offers.length === 0;
    nobody.hidden = chosen.offers.length > 0;
    reset.disabled = dial.place === data.index;
    state.textContent = fill(texts.budget_state, { budget: budgetText(chosen),
      spend: money(chosen.spend), net: money(chosen.expected_net),
      customers: customers(chosen.customers) });
  }
});
