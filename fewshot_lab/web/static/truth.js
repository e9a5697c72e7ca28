// The bottom line: how good the classifier is and how far that can be trusted. A refit changes digits,
// not the layout.

import { h, refill, say, ago, count, two, percent } from "./dom.js";
import { popover } from "./popover.js";
import { ShortNames } from "./names.js";

const ABOUT =
  "On the labelled images, which are harder than the rest where the classifier's doubt picked them; the audit says what the rest is like. Click: recall of each class, confusion matrix.";

export class TruthLine {
  constructor({ model, grid, workspace }) {
    Object.assign(this, { model, grid, workspace });
    this.accuracy = h("b", {});
    this.accuracyDoubt = h("span", {});
    this.audit = h("b", {});
    this.auditDoubt = h("span", {});
    this.choice = h("span", { class: "ws-choice" });
    this.fresh = h("span", { class: "ws-fresh", role: "status" });
    this.open = h(
      "button",
      {
        type: "button",
        class: "ws-truth-button",
        "aria-haspopup": "dialog",
        "aria-expanded": "false",
        "data-act": "quality",
        title: ABOUT,
        onclick: () => this.details(),
      },
      h("span", {}, "Balanced accuracy "),
      this.accuracy,
      this.accuracyDoubt,
    );
    this.auditPart = h(
      "span",
      {
        class: "ws-audit-part",
        title: "On labelled images that were drawn at random and never trained the classifier",
      },
      "Audit ",
      this.audit,
      this.auditDoubt,
    );
    this.gain = h("b", {});
    this.gainDoubt = h("span", {});
    this.next = h(
      "a",
      { class: "ws-next-part", target: "_self", hidden: true },
      h("span", {}),
      " ",
      this.gain,
      this.gainDoubt,
    );
    this.message = h("span", { class: "ws-message" });
    this.element = h(
      "section",
      { class: "ws-truth", "aria-label": "How good the classifier is" },
      this.message,
      this.open,
      this.auditPart,
      this.next,
      this.choice,
      this.fresh,
    );
    this.outbox = { waiting: 0 };
    this.lost = false;
    model.on("scores overview", () => this.draw());
    model.on("labels", () => this.freshen());
    this.timer = setInterval(() => this.freshen(), 1000);
  }

  draw() {
    const { model } = this.model;
    if (!model) return;
    const accuracy = model.cv?.accuracy;
    const known = accuracy && accuracy.value !== null;
    this.open.hidden = !known;
    const message =
      (!this.model.n && "No images yet.") ||
      model.message ||
      (!known ? "Label a few images of two classes: the accuracy appears with its interval." : "");
    this.message.hidden = !message || known;
    say(this.message, message);
    if (known) {
      say(this.accuracy, two(accuracy.value));
      say(this.accuracyDoubt, doubt(accuracy, ", by cross-validation"));
      this.open.title = `${ABOUT} Leak check: ${model.cv.leaks}`;
    }
    this.auditPart.hidden = !model.audit || model.audit.value === null;
    if (model.audit && model.audit.value !== null) {
      say(this.audit, two(model.audit.value));
      say(this.auditDoubt, doubt(model.audit));
    }
    this.promise(known);
    say(this.choice, model.sentence);
    this.choice.title = model.sentence;
    this.freshen();
    this.draws?.();
  }

  // What the next labels are worth: measured beside the refits, so it may be some labels behind.
  promise(known) {
    const advice = this.model.overview?.advice;
    const next = advice?.next;
    this.next.hidden = !known || !next;
    if (this.next.hidden) return;
    const { value, low, high } = next.gain;
    const [first] = this.next.children;
    say(first, advice.done ? `Little in sight: ${next.labels} more add` : `Next ${next.labels} labels:`);
    say(
      this.gain,
      advice.done || value < 0.005
        ? "under half a point"
        : `about +${tidy(value)} ${tidy(value) === "1" ? "point" : "points"}`,
    );
    say(
      this.gainDoubt,
      ` (${signed(low)} to ${signed(high)}${next.minutes ? `, ${minutes(next.minutes.value)} min` : ""})`,
    );
    this.next.href = `evaluate?project=${encodeURIComponent(this.workspace.dataset.project ?? "")}&view=Curve`;
    this.next.title = `${advice.sentence} Tested on ${advice.tested_on}. Click: the curve, and each class.`;
  }

  told(state) {
    this.outbox = state;
    this.freshen();
  }

  reachable(lost) {
    this.lost = lost;
    this.freshen();
  }

  freshen() {
    const { model, position, pending } = this.model;
    const { waiting, failing, refused } = this.outbox;
    let text = "",
      state = "fresh";
    if (refused) [text, state] = [refused, "lost"];
    else if (waiting && (failing || this.lost)) {
      [text, state] = [
        `${count(waiting)} ${waiting === 1 ? "change is" : "changes are"} kept here until the server answers`,
        "lost",
      ];
    } else if (this.lost) [text, state] = ["The server does not answer", "lost"];
    else if (!model) text = "";
    else if (!model.class_ids.length) text = "";
    else if (model.position < position || pending.length || waiting) [text, state] = ["refitting…", "busy"];
    else text = `refitted ${ago(Date.now() / 1000 - model.at)} ago`;
    this.fresh.dataset.state = state;
    this.fresh.hidden = !text;
    say(this.fresh, text);
  }

  details() {
    const body = h("div", { class: "ws-quality" });
    this.draws = () => refill(body, this.quality());
    this.draws();
    popover(this.open, body, {
      place: "above",
      label: "How good the classifier is",
      within: this.workspace,
      className: "ws-popover-wide",
      onClose: () => {
        this.draws = null;
      },
    });
  }

  quality() {
    const { model } = this.model;
    const { cv } = model;
    if (!cv) return [h("p", {}, model.message)];
    const name = (id) => this.model.name(id);
    const { fontFamily } = getComputedStyle(this.workspace);
    this.shorts ??= [
      new ShortNames(`13px ${fontFamily}`),
      new ShortNames(`12px ${fontFamily}`),
      new ShortNames(`12px ${fontFamily}`),
    ];
    const [inRecall, inRow, inColumn] = [200, 170, 110].map((room, i) =>
      this.shorts[i].in(cv.class_ids.map(name), [room]),
    );
    const recall = h(
      "table",
      { class: "ws-recall" },
      h(
        "caption",
        {},
        `Recall of each class, n = ${count(cv.n)}, cross-validated ${cv.repeats} ${cv.repeats === 1 ? "time" : "times"}`,
      ),
      cv.class_ids.map((id) => {
        const r = cv.recall[id];
        return h(
          "tr",
          {},
          h(
            "th",
            { scope: "row", title: name(id) },
            h("i", { class: "ws-dot", style: { background: this.model.color(id) } }),
            inRecall(name(id)),
          ),
          h("td", {}, r && r.value !== null ? whisker(r, this.model.color(id)) : null),
          h(
            "td",
            { class: "ws-figure" },
            r && r.value !== null
              ? [h("b", {}, two(r.value)), ` ${two(r.low)}–${two(r.high)}`, h("small", {}, ` n ${count(r.n)}`)]
              : "–",
          ),
        );
      }),
    );
    return [
      h("div", { class: "ws-quality-part ws-scroll" }, recall),
      h("div", { class: "ws-quality-part ws-scroll" }, this.confusion(cv, inRow, inColumn)),
    ];
  }

  confusion(cv, inRow, inColumn) {
    const size = cv.class_ids.length;
    const largest = Math.max(
      1,
      ...cv.confusion.map((line, i) => line.reduce((a, v, j) => (i === j ? a : Math.max(a, v)), 0)),
    );
    const table = h(
      "table",
      { class: `ws-confusion${size > 16 ? " ws-many-classes" : ""}`, style: { "--size": size } },
      h("caption", {}, "Rows: labels. Columns: predicted when left out. A click shows the images."),
      h(
        "tr",
        {},
        h("td", {}),
        cv.class_ids.map((id) =>
          h("th", { scope: "col", title: this.model.name(id) }, h("span", {}, inColumn(this.model.name(id)))),
        ),
      ),
    );
    cv.confusion.forEach((line, i) => {
      const sum = line.reduce((a, b) => a + b, 0) || 1;
      table.append(
        h(
          "tr",
          {},
          h(
            "th",
            { scope: "row", title: this.model.name(cv.class_ids[i]) },
            h("span", {}, inRow(this.model.name(cv.class_ids[i]))),
          ),
          line.map((value, j) => {
            const ids = cv.cells?.[`${cv.class_ids[i]},${cv.class_ids[j]}`] ?? [];
            const n = count(value);
            const words = `${this.model.name(cv.class_ids[i])} predicted as ${this.model.name(cv.class_ids[j])}`;
            return h(
              "td",
              {},
              value > 0 &&
                h(
                  "button",
                  {
                    type: "button",
                    class: i === j ? "ws-right-cell" : "ws-wrong-cell",
                    disabled: !ids.length,
                    style: { "--share": i === j ? value / sum : value / largest },
                    "aria-label": `${words}: ${n}`,
                    title: `${words}: ${n} (${percent(value / sum)})`,
                    onclick: () =>
                      this.grid.open({ name: "cell", ids, title: words.charAt(0).toUpperCase() + words.slice(1) }),
                  },
                  n,
                ),
            );
          }),
        ),
      );
    });
    return table;
  }

  close() {
    clearInterval(this.timer);
  }
}

const doubt = (i, how = "") =>
  i.low === null ? ` (n = ${count(i.n)}${how})` : ` (${two(i.low)}–${two(i.high)}, n = ${count(i.n)}${how})`;

const tidy = (share) => (100 * share).toFixed(100 * share < 3 ? 1 : 0).replace(/\.0$/, "");
const signed = (share) => (share < 0 ? "−" : "") + tidy(Math.abs(share));
const minutes = (m) => (m < 1 ? "<1" : Math.round(m));

function whisker({ value, low, high }, color) {
  const at = (x) => 2 + x * 96;
  return h(
    "svg",
    {
      viewBox: "0 0 100 14",
      width: 100,
      height: 14,
      role: "img",
      "aria-label": `${two(value)}, ${two(low)} to ${two(high)}`,
    },
    h("line", { x1: 2, x2: 98, y1: 7, y2: 7, class: "ws-axis" }),
    h("line", { x1: at(low), x2: at(high), y1: 7, y2: 7, stroke: color, "stroke-width": 3 }),
    h("circle", { cx: at(value), cy: 7, r: 4, fill: color }),
  );
}
