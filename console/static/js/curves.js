/*
 * Draws the power of machines where a page says data-curves="address": production above, treatment
 * below, the time of the alarm shaded.  Colours are the page's tokens, so both themes fit.
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
  let charts = [];

  function merged(units) {
    const at = [...new Set(units.flatMap((one) => one.at))].sort((a, b) => a - b);
    const row = new Map(at.map((one, index) => [one, index]));
    const series = units.map((one) => {
      const values = new Array(at.length).fill(null);
      one.at.forEach((moment, index) => { values[row.get(moment)] = one.watts[index]; });
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

  function draw(data, kind, box) {
    const units = data.units.filter((one) => one.kind === kind && one.at.length);
    if (!units.length) return;
    const holder = document.createElement("div");
    holder.className = "chart";
    const last = units.map((one) => `${one.name} ${kilowatts(one.watts.at(-1))} kW`);
    holder.setAttribute("role", "img");
    holder.setAttribute("aria-label", `${place.dataset[kind]}: ${last.join(", ")}`);
    const title = document.createElement("p");
    title.className = "chart-title";
    const key = document.createElement("span");
    key.className = `key ${kind}`;
    const name = document.createElement("b");
    name.append(key, place.dataset[kind]);
    const who = document.createElement("span");
    who.className = "muted";
    who.textContent = units.map((one) => one.name).join("、");
    const now = document.createElement("span");
    now.className = "now";
    const said = (index) => {
      now.textContent = units.map((one, place) => kilowatts(columns[place + 1][index])).filter(Boolean).join(" · ") + " kW";
    };
    title.append(name, who, now);
    holder.append(title);
    box.append(holder);
    const columns = merged(units);
    const colour = token(kind === "treat" ? "--treat" : "--prod");
    const soft = token(kind === "treat" ? "--treat-soft" : "--prod-soft");
    const font = `12px ${token("--font-sans")}`;
    const axis = { stroke: token("--axis"), font, grid: { stroke: token("--grid"), width: 1 }, ticks: { show: false } };
    const long = data.to - data.from > 2 * 86400;
    const chart = new uPlot({
      width: holder.clientWidth,
      height: 150,
      legend: { show: false },
      cursor: { sync: { key: "alarm" }, y: false, points: { size: 7 } },
      scales: { x: { time: true, range: [data.from, data.to] }, y: { range: (_u, _min, max) => [0, Math.max(max || 0, 1000) * 1.12] } },
      axes: [
        { ...axis, size: 26, values: (_u, ticks) => ticks.map(long ? day : time), grid: { show: false } },
        { ...axis, size: 46, space: 40, values: (_u, ticks) => ticks.map(kilowatts) },
      ],
      series: [{}, ...units.map((one, index) => ({ label: one.name, stroke: colour, width: 2, dash: index ? [6, 3 + 2 * index] : undefined, fill: index ? undefined : soft, spanGaps: false, points: { show: false } }))],
      hooks: { draw: [shade(data)], setCursor: [(made) => said(made.cursor.idx ?? columns[0].length - 1)] },
    }, columns, holder);
    said(columns[0].length - 1);
    charts.push({ chart, holder });
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
    draw(data, "prod", box);
    draw(data, "treat", box);
    if (!charts.length) tell(place.dataset.none);
  }

  function tell(text) {
    const said = document.createElement("p");
    said.className = "muted";
    said.textContent = text;
    place.replaceChildren(said);
  }

  addEventListener("resize", () => charts.forEach(({ chart, holder }) => chart.setSize({ width: holder.clientWidth, height: 150 })));
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
