"use strict";
// Figures: unpacked in spare time, drawn when they come near, all of them before printing.
Report.figures = (() => {
  const { language, element } = Report;
  const NARROW = 34 * 16, PRINTED_WIDTH = 680;
  const RIGID_WIDTH = 600;
  const AROUND_CIRCLE = { l: 130, r: 130 }; // room for the names at a circle
  const SMALL = 11, LETTER = 6.2, TITLE_LETTER = 7.4, LINE = 15; // pixels of small type
  const LONGEST_LABEL = 20;
  const charts = new Map();
  let template = null;

  function plotly() {
    if (!window.Plotly) {
      const source = document.getElementById("plotly-source");
      document.head.append(element("script", {}, source.textContent));
      source.remove();
      if (language === "ru") registerRussian();
      template = JSON.parse(document.getElementById("figure-template").textContent);
    }
    return window.Plotly;
  }

  function registerRussian() {
    window.Plotly.register({
      moduleType: "locale", name: "ru", dictionary: {},
      format: {
        days: ["воскресенье", "понедельник", "вторник", "среда", "четверг", "пятница", "суббота"],
        shortDays: ["вс", "пн", "вт", "ср", "чт", "пт", "сб"],
        months: ["январь", "февраль", "март", "апрель", "май", "июнь", "июль", "август",
          "сентябрь", "октябрь", "ноябрь", "декабрь"],
        shortMonths: ["янв", "фев", "мар", "апр", "май", "июн", "июл", "авг", "сен", "окт",
          "ноя", "дек"],
        date: "%d.%m.%Y", year: "%Y", monthYear: "%b %Y", dayMonth: "%-d %b",
        dayMonthYear: "%-d %b %Y",
      },
    });
  }

  // A figure as it is drawn into so many pixels.
  function fitted({ data, layout }, width) {
    const font = { family: getComputedStyle(document.body).fontFamily, color: "#1b1f24" };
    const common = {
      ...layout, template, autosize: true, dragmode: layout.dragmode ?? false,
      font: { ...font, ...layout.font },
    };
    if (width >= NARROW) return { data, layout: common };
    // Cells and circles with texts cannot be squeezed: they keep their size and scroll.
    const isRigid = layout.polar || data.some((trace) => trace.type === "heatmap");
    if (!isRigid) return narrowed(data, common, width);
    const margin = { ...layout.margin, ...(layout.polar ? AROUND_CIRCLE : {}) };
    return { data, layout: { ...common, margin, autosize: false, width: RIGID_WIDTH } };
  }

  // On a telephone type is smaller, long texts get more lines and the legend stands on top.
  function narrowed(data, layout, width) {
    const traces = data.map((trace) => ({ ...trace, name: trace.name
      && wrapped(trace.name, (width - 60) / LETTER) }));
    const right = roomForTexts(data);
    const made = {
      ...layout,
      font: { ...layout.font, size: SMALL },
      margin: { ...layout.margin, l: 10, r: right },
      annotations: layout.annotations?.map((each) => ({ ...each,
        text: each.text && wrapped(each.text, (width - 40) / LETTER) })),
    };
    const axes = Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key));
    const labels = new Map(axes.map((name) => [name, labelsOf(layout, name, data)]));
    const widest = Math.max(6, ...[...labels.values()].filter(Boolean).map((each) => each.longest));
    const room = { across: width - widest * LETTER - 40 - right, up: layout.height - 120 };
    for (const name of axes) made[name] = narrowAxis(layout[name], name, labels.get(name), room);
    made.height = Math.max(...[...labels.values()].map((each) => (each?.height ?? 0) + 120),
      layout.height);
    const named = traces.filter((trace) => trace.name && trace.showlegend !== false);
    if (layout.showlegend !== false && (named.length > 1 || layout.showlegend)) {
      const { xref, yref, ...legend } = layout.legend ?? {};
      made.legend = { ...legend, orientation: "h", x: 0, xanchor: "left", y: 1, yanchor: "bottom",
        font: { size: SMALL } };
      const lines = named.map((trace) => trace.name.split("<br>").length);
      made.height += LINE * lines.reduce((sum, each) => sum + each, 0);
    }
    return { data: traces, layout: made };
  }

  // Texts that stand at the end of bars reach beyond the axis.
  function roomForTexts(data) {
    const outside = data.filter((trace) => String(trace.textposition).includes("outside"));
    const longest = Math.max(0, ...outside.flatMap((trace) =>
      [trace.text].flat().map((text) => String(text ?? "").length)));
    return outside.length ? Math.min(Math.max(50, longest * 5), 90) : 24;
  }

  function narrowAxis(axis, name, labels, room) {
    const [from, to] = axis.domain ?? [0, 1];
    const most = (to - from) * (name[0] === "x" ? room.across : room.up) / TITLE_LETTER;
    const text = typeof axis.title === "string" ? axis.title : axis.title?.text;
    const title = text ? { title: { ...axis.title, text: wrapped(text, Math.max(most, 12)) } } : {};
    return { ...axis, automargin: true, ...title, ...labels?.ticks };
  }

  // Names at an upright axis, in lines where one of them is long.
  function labelsOf(layout, name, data) {
    if (name[0] === "x") return null;
    const axis = layout[name];
    const isNamed = Array.isArray(axis.ticktext) && Array.isArray(axis.tickvals);
    const lists = data.filter((trace) => (trace.yaxis ?? "y") === name.replace("axis", ""))
      .map((trace) => trace.y);
    const names = isNamed ? axis.ticktext : [...new Set(lists.filter(Array.isArray).flat())];
    const areWords = names.every((each) => typeof each === "string" && !/^\d{4}-\d\d/.test(each));
    if (!areWords || !names.length) return null;
    const ticktext = names.map((each) => wrapped(each, LONGEST_LABEL));
    const lines = ticktext.map((each) => each.split("<br>"));
    const longest = Math.max(...lines.flat().map((line) => line.length));
    if (!names.some((each) => each.length > LONGEST_LABEL)) return { longest };
    const height = names.length * (Math.max(...lines.map((each) => each.length)) * LINE);
    const [from, to] = axis.domain ?? [0, 1];
    const ticks = { tickmode: "array", tickvals: isNamed ? axis.tickvals : names, ticktext };
    return { longest, ticks, height: height / (to - from) };
  }

  // Lines of at most so many letters, broken at spaces.
  function wrapped(text, most) {
    return text.split(/<br\s*\/?>/i).map((line) => {
      const lines = [""];
      for (const word of line.split(" ")) {
        const longer = lines.at(-1) ? `${lines.at(-1)} ${word}` : word;
        if (longer.replace(/<[^>]*>/g, "").length <= most || !lines.at(-1)) {
          lines[lines.length - 1] = longer;
        } else {
          lines.push(word);
        }
      }
      return lines.join("<br>");
    }).join("<br>");
  }

  function draw(chart) {
    if (chart.isDrawn || !chart.figure) return;
    chart.isDrawn = true;
    const library = plotly(); // before anything is measured: it adds its styles
    const { data, layout } = fitted(chart.figure, chart.place.clientWidth);
    chart.place.style.minHeight = `${layout.height}px`;
    chart.width = layout.width ?? null;
    if (chart.width) chart.place.tabIndex = 0; // it scrolls, so the keyboard must reach it
    const config = { responsive: true, displayModeBar: false, locale: language };
    library.newPlot(chart.place, data, layout, config);
    chart.place.dataset.drawn = "";
  }

  async function prepare(chart) {
    chart.figure ??= await Report.data(chart.place.dataset.figure);
    return chart;
  }

  function watch() {
    const near = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        prepare(charts.get(target)).then(draw).catch((error) => Report.failed(target, error));
      }
    }, { rootMargin: "400px 0px" });
    for (const place of document.querySelectorAll("[data-figure]")) {
      charts.set(place, { place, figure: null, isDrawn: false });
      near.observe(place);
    }
    const spare = window.requestIdleCallback ?? ((work) => setTimeout(work, 200));
    const waiting = [...charts.values()];
    const next = () => {
      const chart = waiting.shift();
      if (chart) prepare(chart).finally(() => spare(next));
      else document.body.dataset.unpacked = "";
    };
    spare(next);
  }

  function toPaper() {
    for (const chart of charts.values()) {
      draw(chart);
      if (!chart.isDrawn) continue;
      const margin = chart.figure.layout.polar
        ? { "margin.l": AROUND_CIRCLE.l, "margin.r": AROUND_CIRCLE.r } : {};
      plotly().relayout(chart.place, { autosize: false, width: PRINTED_WIDTH, ...margin });
    }
  }

  function toScreen() {
    for (const chart of charts.values()) {
      if (!chart.isDrawn) continue;
      plotly().relayout(chart.place, { autosize: !chart.width, width: chart.width });
    }
  }

  return { watch, toPaper, toScreen };
})();
