/*
 * Draws the power of machines where a page says data-curves="address": production above, treatment
 * below, then what came out meanwhile against its limits; the time of the alarm shaded.  All share
 * one axis of time and one cursor.  Colours are the page's tokens, so both themes fit.
 */
(() => {
  "use strict";
  const place = document.querySelector("[data-curves]");
  if (!place || typeof uPlot === "undefined") return;
  const token = (name, of = place) => getComputedStyle(of).getPropertyValue(name).trim();
  const two = (number) => String(number).padStart(2, "0");
  // Times are the city's own, wherever the screen stands.
  const SHIFT = 8 * 3600;
  const time = (at) => { const d = new Date((at + SHIFT) * 1000); return `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}`; };
  const day = (at) => { const d = new Date((at + SHIFT) * 1000); return `${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())}`; };
  const kilowatts = (watts) => watts == null ? "" : (watts / 1000).toLocaleString("en", { maximumFractionDigits: watts >= 1e6 ? 0 : 1 });
  const chinese = document.documentElement.lang.startsWith("zh");
  let charts = [];

  function merged(lines) {
    const at = [...new Set(lines.flatMap((one) => one.at))].sort((a, b) => a - b);
    const row = new Map(at.map((one, index) => [one, index]));
    const series = lines.map((one) => {
      const values = new Array(at.length).fill(null);
      one.at.forEach((moment, index) => { values[row.get(moment)] = one.values[index]; });
      return values;
    });
    return [at, ...series];
  }

  const shade = (data) => (chart) => {
    if (!data.offence) return;
    const [from, to] = data.offence.map((at) => Math.round(chart.valToPos(at, "x", true)));
    const left = Math.max(from, chart.bbox.left);
    const right = Math.min(to, chart.bbox.left + chart.bbox.width);
    if (right <= left) return;
    const { ctx } = chart;
    ctx.save();
    ctx.fillStyle = token("--g-fill");
    ctx.globalAlpha = 0.14;
    ctx.fillRect(left, chart.bbox.top, right - left, chart.bbox.height);
    ctx.globalAlpha = 1;
    if (from >= chart.bbox.left) ctx.fillRect(left, chart.bbox.top, 2, chart.bbox.height);
    ctx.restore();
  };

  /*
   * One chart: a title that tells the values below the cursor, and its curves.
   * made: {title, who, key, colour, soft, series: [{name, at, values}], say, least, limit}
   */
  function drawn(data, made, box) {
    const holder = document.createElement("div");
    holder.className = made.key === "out" ? "chart low" : "chart";
    const last = made.series.map((one) => `${one.name} ${made.say(one.values.at(-1))}`);
    holder.setAttribute("role", "img");
    holder.setAttribute("aria-label", `${made.title}: ${last.join(", ")}`);
    const title = document.createElement("p");
    title.className = "chart-title";
    const key = document.createElement("span");
    key.className = `key ${made.key}`;
    const name = document.createElement("b");
    name.append(key, made.title);
    const who = document.createElement("span");
    who.className = "muted";
    who.textContent = made.who;
    const now = document.createElement("span");
    now.className = "now";
    title.append(name, who, now);
    holder.append(title);
    box.append(holder);
    const columns = merged(made.series);
    const said = (index) => {
      const values = made.series.map((_one, place) => made.say(columns[place + 1][index]));
      now.textContent = values.filter(Boolean).join(" · ") + (made.unit ? ` ${made.unit}` : "");
    };
    const font = `12px ${token("--font-sans")}`;
    const axis = { stroke: token("--axis"), font, grid: { stroke: token("--grid"), width: 1 }, ticks: { show: false } };
    const long = data.to - data.from > 2 * 86400;
    const top = (most) => Math.max(most || 0, made.least, made.limit ?? 0) * 1.12;
    const chart = new uPlot({
      width: holder.clientWidth,
      height: made.height,
      legend: { show: false },
      cursor: { sync: { key: "alarm" }, y: false, points: { size: 7 } },
      scales: { x: { time: true, range: [data.from, data.to] }, y: { range: (_u, _min, max) => [0, top(max)] } },
      axes: [
        { ...axis, size: 26, values: (_u, ticks) => ticks.map(long ? day : time), grid: { show: false } },
        { ...axis, size: 46, space: 40, values: (_u, ticks) => ticks.map(made.say) },
      ],
      series: [{}, ...made.series.map((one, index) => ({ label: one.name, stroke: made.colour, width: 2, dash: index ? [6, 3 + 2 * index] : undefined, fill: index ? undefined : made.soft, spanGaps: false, points: { show: false } }))],
      hooks: { draw: [shade(data), bound(made)], setCursor: [(shown) => said(shown.cursor.idx ?? columns[0].length - 1)] },
    }, columns, holder);
    said(columns[0].length - 1);
    charts.push({ chart, holder, height: made.height });
  }

  // The limit as a dashed line with its own word: what is above it is too much.
  const bound = (made) => (chart) => {
    if (made.limit == null) return;
    const { ctx, bbox } = chart;
    const y = Math.round(chart.valToPos(made.limit, "y", true));
    ctx.save();
    ctx.strokeStyle = token("--g3-fill");
    ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.restore();
  };

  function power(data, kind, box) {
    const units = data.units.filter((one) => one.kind === kind && one.at.length);
    if (!units.length) return;
    drawn(data, {
      title: place.dataset[kind],
      who: units.map((one) => one.name).join(chinese ? "、" : ", "),
      key: kind,
      colour: token(kind === "treat" ? "--treat" : "--prod"),
      soft: token(kind === "treat" ? "--treat-soft" : "--prod-soft"),
      series: units.map((one) => ({ name: one.name, at: one.at, values: one.watts })),
      say: kilowatts,
      unit: "kW",
      least: 1000,
      height: 150,
    }, box);
  }

  const amount = (value) => value == null ? "" : value.toLocaleString("en", { maximumSignificantDigits: 4 });

  function result(data, one, box) {
    const name = chinese ? one.name.zh : one.name.en;
    const limit = one.limit == null ? "" : `${chinese ? "，" : ", "}${place.dataset.limit} ${amount(one.limit)}`;
    drawn(data, {
      title: name,
      who: `${one.outlet}${limit}`,
      key: "out",
      colour: token("--ink-2"),
      soft: undefined,
      series: [{ name, at: one.at, values: one.amounts }],
      say: amount,
      unit: one.unit,
      least: 0,
      limit: one.limit,
      height: 110,
    }, box);
  }

  async function show() {
    let data;
    try {
      const answer = await fetch(place.dataset.curves, { redirect: "error" });
      if (!answer.ok) throw new Error(String(answer.status));
      data = await answer.json();
    } catch {
      if (!charts.length) tell(place.dataset.failed);
      return;
    }
    const box = document.createElement("div");
    place.replaceChildren(box);
    charts.forEach(({ chart }) => chart.destroy());
    charts = [];
    power(data, "prod", box);
    power(data, "treat", box);
    for (const one of data.results ?? []) result(data, one, box);
    if (!charts.length) tell(place.dataset.none);
  }

  function tell(text) {
    const said = document.createElement("p");
    said.className = "muted";
    said.textContent = text;
    place.replaceChildren(said);
  }

  addEventListener("resize", () => charts.forEach(({ chart, holder, height }) => chart.setSize({ width: holder.clientWidth, height })));
  document.addEventListener("live:swapped", show);
  // A firm's page: which line, and over which span.
  const line = document.querySelector("[data-line]");
  const spans = [...document.querySelectorAll("[data-span]")];
  let span = "";
  function choose() {
    place.dataset.curves = line.value + (span ? `?span=${span}` : "");
    show();
  }
  if (line) line.addEventListener("change", choose);
  for (const one of spans) {
    one.addEventListener("click", (event) => {
      event.preventDefault();
      spans.forEach((other) => other.removeAttribute("aria-current"));
      one.setAttribute("aria-current", "true");
      span = one.dataset.span;
      choose();
    });
  }
  show();
})();
