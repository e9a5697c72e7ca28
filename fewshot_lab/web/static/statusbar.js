// @ts-check
// The bottom line: how good the classifier is and how far that can be trusted. A refit changes digits,
// not the layout.

import { ago, button, count, h, images, percent, refill, setText } from "./dom.js";
import { popover } from "./popover.js";
import { QualityPanel } from "./qualitypanel.js";

/** @import { Grid } from "./grid.js" */
/** @import { Model } from "./model.js" */
/** @import { OutboxState } from "./outbox.js" */
/** @import { Interval, Snapshot } from "./types.d.ts" */

const ABOUT =
  "Balanced accuracy in cross-validation: the mean over the classes, each label predicted by a classifier that did not see it. These images are harder than the rest where the classifier's doubt picked them. Click: each class, what is mistaken for what, and how the classifier works.";
// A gain that is known less well than this tells nobody whether to go on.
const VAGUE = 0.2;
const AUDIT = "Accuracy on images that were drawn at random and never train the classifier, with its 95 % interval.";

export class StatusBar {
  /** @param {{ model: Model, grid: Grid, workspace: HTMLElement }} parts */
  constructor({ model, grid, workspace }) {
    this.model = model;
    this.workspace = workspace;
    this.panel = new QualityPanel({ model, grid, workspace });
    this.panelOpen = false;
    this.outbox = /** @type {OutboxState} */ ({ waiting: 0, failing: false, refused: null });
    this.connectionLost = false;
    this.connectionRefused = /** @type {string | undefined} */ (undefined);
    this.accuracy = h("b");
    this.accuracyDoubt = h("span");
    this.accuracyButton = button(
      "ws-truth-button",
      { "aria-haspopup": "dialog", "aria-expanded": "false", title: ABOUT, onclick: () => this.openPanel() },
      h("span", {}, "Right on labels put aside: "),
      this.accuracy,
      this.accuracyDoubt,
    );
    this.auditPart = h("a", { class: "ws-audit-part", target: "_self" });
    this.suspectsButton = button(
      "ws-disagreement",
      { hidden: true, onclick: () => grid.open({ name: "suspects" }) },
      "These two disagree: look at the suspects",
    );
    this.nextLabels = h("span");
    this.gain = h("b");
    this.gainDoubt = h("span");
    const next = { class: "ws-next-part", target: "_self", hidden: true };
    this.nextPart = h("a", next, this.nextLabels, " ", this.gain, this.gainDoubt);
    this.refitState = h("span", { class: "ws-fresh", role: "status" });
    this.message = h("span", { class: "ws-message" });
    this.element = h(
      "section",
      { class: "ws-truth", "aria-label": "How good the classifier is" },
      this.message,
      this.accuracyButton,
      this.suspectsButton,
      this.nextPart,
      this.auditPart,
      this.refitState,
    );
    model.on("scores overview", () => this.draw());
    model.on("labels", () => this.drawRefitState());
    this.timer = setInterval(() => this.drawRefitState(), 1000);
  }

  draw() {
    const { n, snapshot } = this.model;
    if (!snapshot) return;
    const { audit, cv, disagreement } = snapshot;
    const measured = cv !== null && cv.accuracy.value !== null;
    const ask = "Label a few images of two classes: the accuracy appears with its interval.";
    const message = (!n && "No images yet.") || snapshot.message || cv?.why_not || ask;
    this.message.hidden = measured;
    this.accuracyButton.hidden = !measured;
    if (measured) {
      setText(this.accuracy, percent(Number(cv.accuracy.value)));
      setText(this.accuracyDoubt, doubtOf(cv.accuracy));
      this.accuracyButton.title = `${ABOUT} Leak check: ${cv.leaks}`;
    } else setText(this.message, message);
    this.message.title = message;
    this.drawAudit(audit);
    this.suspectsButton.hidden = !disagreement;
    this.suspectsButton.title = disagreement ?? "";
    this.drawNext(measured);
    this.drawRefitState();
    if (this.panelOpen) this.panel.draw();
  }

  /**
   * First what images drawn at random say, once it can mean something; before, what lacks, last.
   * @param {Snapshot["audit"]} audit
   */
  drawAudit(audit) {
    const { auditPart } = this;
    auditPart.hidden = !audit;
    if (!audit) return;
    const { accuracy, n, until_narrow: more } = audit;
    auditPart.dataset.carries = String(accuracy !== null);
    auditPart.href = this.evaluatePage("Accuracy");
    const standing = auditStanding(audit);
    if (accuracy) {
      const right = h("b", {}, percent(Number(accuracy.value)));
      const finished = h("small", {}, audit.waiting ? "" : ` ${standing}`);
      refill(auditPart, "Right in ", right, `${doubtOf(accuracy)} of images drawn at random`, finished);
      auditPart.title = `${AUDIT} ${standing} Click: each class, and a button to draw more.`;
    } else {
      const lack = more === null ? "too few to judge by" : `${count(more)} more labels needed`;
      refill(auditPart, `Images drawn at random: ${lack}`);
      const labelled = `${images(n)} drawn at random ${n === 1 ? "has" : "have"} a label: too few to say how often the classifier is right`;
      auditPart.title = more === null ? `${labelled}, and there are not enough.` : `${labelled} within ten points.`;
    }
  }

  /**
   * What the next labels are worth: measured beside the refits, so it may be some labels behind.
   * @param {boolean} measured
   */
  drawNext(measured) {
    const advice = this.model.overview?.advice;
    const next = advice?.next;
    const vague = !next || next.gain.high - next.gain.low > VAGUE;
    this.nextPart.hidden = !measured || vague;
    if (!measured || !next || vague) return;
    const { value, low, high } = next.gain;
    const points = pointsOf(value);
    const small = advice.done || value < 0.005;
    setText(this.nextLabels, advice.done ? `Little in sight: ${next.labels} more add` : `Next ${next.labels} labels:`);
    setText(this.gain, small ? "under half a point" : `about +${points} ${points === "1" ? "point" : "points"}`);
    const time = next.minutes ? `, ${next.minutes.value < 1 ? "<1" : Math.round(next.minutes.value)} min` : "";
    setText(this.gainDoubt, ` (${pointsOf(low)} to ${pointsOf(high)}${time})`);
    this.nextPart.href = this.evaluatePage("Curve");
    this.nextPart.title = `${advice.sentence} Tested on ${advice.tested_on}. Click: the curve, and each class.`;
  }

  /** @param {string} view */
  evaluatePage(view) {
    return `evaluate?project=${encodeURIComponent(this.workspace.dataset.project ?? "")}&view=${view}`;
  }

  /** @param {OutboxState} outbox */
  setOutbox(outbox) {
    this.outbox = outbox;
    this.drawRefitState();
  }

  /**
   * @param {boolean} lost
   * @param {string} [refused] what the server said
   */
  setConnection(lost, refused) {
    this.connectionLost = lost;
    this.connectionRefused = refused;
    this.drawRefitState();
  }

  drawRefitState() {
    const [text, state] = this.refitWords();
    this.refitState.dataset.state = state;
    this.refitState.hidden = !text;
    setText(this.refitState, text);
  }

  refitWords() {
    const { snapshot, position, pending } = this.model;
    const { waiting, failing, refused } = this.outbox;
    if (refused) return [refused, "lost"];
    if (waiting && (failing || this.connectionLost)) {
      return [
        `${count(waiting)} ${waiting === 1 ? "change is" : "changes are"} kept here until the server answers`,
        "lost",
      ];
    }
    if (this.connectionLost) return [this.connectionRefused ?? "The server does not answer", "lost"];
    if (!snapshot?.class_ids.length) return ["", "fresh"];
    if (snapshot.position < position || pending.length || waiting) return ["refitting…", "busy"];
    return [`refitted ${ago(Date.now() / 1000 - snapshot.at)} ago`, "fresh"];
  }

  openPanel() {
    this.panelOpen = true;
    this.panel.draw();
    popover(this.accuracyButton, this.panel.element, {
      place: "above",
      label: "How good the classifier is",
      within: this.workspace,
      onClose: () => {
        this.panelOpen = false;
      },
    });
  }

  close() {
    clearInterval(this.timer);
  }
}

/**
 * How far the audit is: "68 of 68; 40 more would halve the interval".
 * @param {NonNullable<Snapshot["audit"]>} audit
 */
export function auditStanding({ drawn, waiting, to_halve: more }) {
  const labelled = `${count(drawn - waiting)} of ${count(drawn)}`;
  if (waiting) return `${labelled} labelled.`;
  return more === null
    ? `${labelled}; even all images would not halve the interval.`
    : `${labelled}; ${count(more)} more would halve the interval.`;
}

/**
 * Above the list of the audit set; more may have been drawn since it was opened.
 * @param {number} waiting in the list
 * @param {Parameters<typeof auditStanding>[0] | null} [audit]
 */
export function auditSentence(waiting, audit) {
  if (waiting) {
    return `Drawn at random to measure the accuracy: ${images(waiting)} without a label. No prediction is shown before yours; the order means nothing.`;
  }
  const all = audit?.waiting ? "Each of these has a label." : "Every image drawn at random has a label.";
  return audit ? `${all} ${auditStanding(audit)} ` : all;
}

/** @param {Interval} interval */
const doubtOf = ({ low, high, n }) =>
  ` (${low === null ? "" : `${Math.round(100 * low)}–${Math.round(100 * Number(high))}, `}n = ${count(n)})`;

/** @param {number} share as percentage points */
function pointsOf(share) {
  const points = 100 * Math.abs(share);
  return (share < 0 ? "−" : "") + points.toFixed(points < 3 ? 1 : 0).replace(/\.0$/, "");
}
