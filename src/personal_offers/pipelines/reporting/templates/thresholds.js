"use strict";
// Two thresholds and the four segments that they make of the customers.
Report.widgets.set("thresholds", (place, data) => {
  const { texts, element, fill, number, percent } = Report;
  const SEGMENTS = ["high_high", "high_low", "low_high", "low_low"];
  const risks = data.risk_stops, profits = data.profit_stops;
  const set = { risk: nearest(risks, data.risk), profit: nearest(profits, data.profit) };
  const scale = 10 ** data.scale_digits;

  function nearest(stops, value) {
    const distances = stops.map((stop) => Math.abs(stop - value));
    return distances.indexOf(Math.min(...distances));
  }

  // Sums of whole numbers, so they are exact in whatever order.
  function sums(riskPlace, profitPlace) {
    const found = Object.fromEntries(SEGMENTS.map((name) => [name, [0, 0, 0]]));
    for (const [i, j, count, profit, atRisk] of data.cells) {
      const name = `${i >= riskPlace ? "high" : "low"}_${j >= profitPlace ? "high" : "low"}`;
      const sum = found[name];
      sum[0] += count;
      sum[1] += profit;
      sum[2] += atRisk;
    }
    return found;
  }

  // Customers who are in another segment than with the configured thresholds.
  function moved(riskPlace, profitPlace) {
    let count = 0;
    for (const [i, j, customers] of data.cells) {
      const stays = (i >= riskPlace) === (i >= set.risk) && (j >= profitPlace) === (j >= set.profit);
      if (!stays) count += customers;
    }
    return count;
  }

  const all = sums(0, 0).high_high;
  const everybody = all[0] + data.unknown.customers;
  const decimals = Math.abs(all[1] + data.unknown.profit) / scale >= 1000 ? 0 : 2;
  const money = (sum) => number(sum / scale, decimals);
  const shareOf = (count) => (everybody ? percent(count / everybody) : Report.NOTHING);
  const riskText = (value) => `${Report.plain(Number((value * 100).toPrecision(10)))}%`;
  const perUnit = [data.unit, data.per].filter(Boolean).join(" ");
  const profitText = (value) => {
    const size = value ? Number(value.toExponential().split("e")[1]) : 0;
    return Report.unit(Report.plain(Number(value.toFixed(Math.max(3 - size, 0)))), data.unit);
  };

  const risk = Report.slider(texts.risk_threshold, risks.length - 1, set.risk, update);
  const profit = Report.slider(texts.profit_threshold, profits.length - 1, set.profit, update);
  risk.input.dataset.slider = "risk";
  profit.input.dataset.slider = "profit";
  const reset = element("button", { type: "button", onclick: () => {
    risk.input.value = set.risk;
    profit.input.value = set.profit;
    update();
  } }, texts.reset);
  const state = element("p", { class: "state", role: "status" });

  const rows = new Map();
  const body = element("tbody");
  for (const name of SEGMENTS) {
    const cells = [0, 1, 2, 3].map(() => element("td", { class: "number" }));
    rows.set(name, cells);
    body.append(element("tr", { "data-segment": name },
      element("th", { scope: "row" }, element("bdi", {}, data.names[name])), ...cells));
  }
  if (data.unknown.customers) {
    body.append(line(texts.unknown, data.unknown.customers, data.unknown.profit, null));
  }
  const foot = element("tfoot", {},
    line(texts.total, everybody, all[1] + data.unknown.profit, all[2]));

  function line(label, count, sum, atRisk) {
    const cells = [number(count), shareOf(count), money(sum),
      atRisk === null ? Report.NOTHING : money(atRisk)];
    return element("tr", {}, element("th", { scope: "row" }, label),
      ...cells.map((text) => element("td", { class: "number" }, text)));
  }

  const heads = [texts.customers, texts.share, fill(texts.profit, { unit: perUnit }),
    fill(texts.at_risk, { unit: perUnit })];
  const head = element("thead", {}, element("tr", {},
    element("th", { scope: "col" }, texts.segment),
    ...heads.map((text) => element("th", { scope: "col", class: "number" }, text))));
  const label = place.parentElement.querySelector("h3").textContent;

  // The map repeats the table as a picture: risk grows upwards, profit to the right.
  const quadrants = new Map();
  const map = element("div", { class: "quadrants", "aria-hidden": "true" });
  for (const [side, names] of [[texts.high_risk, ["high_low", "high_high"]],
    [texts.low_risk, ["low_low", "low_high"]]]) {
    map.append(element("div", { class: "axis side" }, side));
    for (const name of names) {
      const count = element("span"), bar = element("span");
      quadrants.set(name, [count, bar]);
      map.append(element("div", { class: "quadrant" }, element("b", {}, data.names[name]), count,
        element("div", { class: "bar" }, bar)));
    }
  }
  map.append(element("div", { class: "axis" }), element("div", { class: "axis" }, texts.low_profit),
    element("div", { class: "axis" }, texts.high_profit));

  place.append(
    element("div", { class: "fields" }, risk.field, profit.field), state,
    Report.scrolling(label, element("table", {}, head, body, foot)), map,
    element("div", { class: "pages" }, reset));
  update();

  function said(text, stop, configured) {
    const note = stop === configured ? texts.as_configured
      : fill(texts.changed, { value: text(configured) });
    return `${text(stop)} (${note})`;
  }

  function update() {
    const i = risk.place, j = profit.place;
    risk.say(said(riskText, risks[i], risks[set.risk]));
    profit.say(said(profitText, profits[j], profits[set.profit]));
    const found = sums(i, j);
    for (const [name, [count, sum, atRisk]] of Object.entries(found)) {
      const shown = [number(count), shareOf(count), money(sum), money(atRisk)];
      rows.get(name).forEach((cell, column) => { cell.textContent = shown[column]; });
      const [text, bar] = quadrants.get(name);
      text.textContent = `${number(count)} · ${shareOf(count)}`;
      bar.style.width = everybody ? `${(100 * count) / everybody}%` : "0";
    }
    const count = moved(i, j);
    const hint = { risk: riskText(risks[i]), profit: profitText(profits[j]) };
    state.textContent = fill(texts.threshold_hint, hint)
      + (count ? ` ${fill(texts.moved, { count: Report.customers(count) })}` : "");
    reset.disabled = i === set.risk && j === set.profit;
  }
});
