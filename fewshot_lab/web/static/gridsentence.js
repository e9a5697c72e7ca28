// @ts-check
// The sentence above the grid: what its list holds.

import { button, count, h, images, percent } from "./dom.js";
import { auditSentence } from "./statusbar.js";

/** @import { Grid } from "./grid.js" */
/** @import { Child } from "./types.d.ts" */

const SET_ASIDE = { unsure: "unsure", reject: "unusable", skipped: "skipped" };

/** @param {string} text @param {() => void} onclick */
const link = (text, onclick) => button("ws-link", { onclick }, text);

/**
 * One sentence on what a grid shows, and what can be done there.
 *
 * @param {Grid} grid
 * @returns {Child[]}
 */
export function sentenceParts(grid) {
  const { accept, cursor, model, rows, suggestions, view } = grid;
  const n = rows.length;
  switch (view.name) {
    case "suggestions":
      return suggestions.sentence(cursor.row);
    case "filtered": {
      const { changed, filters, waiting } = grid.filters;
      if (waiting.some(({ column }) => grid.filters.columns.isPredicted(column))) {
        return ["Filters by prediction wait for a classifier: label images of two classes first."];
      }
      if (waiting.length) return ["Reading what the filters need…"];
      if (!n) {
        const none =
          filters.length > 1 ? `No image matches all ${filters.length} filters.` : "No image matches the filter.";
        return [[none, ...grid.filters.absent()].join(" ")];
      }
      const stay = changed ? " Those that no longer match stay until you renew the list." : "";
      return [`${count(n)} of ${images(model.n)} match the ${filters.length > 1 ? "filters" : "filter"}.${stay}`];
    }
    case "selection": {
      if (!n && !model.selection) return ["Draw a lasso on the map, or click an image there."];
      if (!n && model.mask) return ["No image inside matches the filters."];
      if (!n) return [`No image lies inside.${model.hidden.size ? " Hidden classes are left out." : ""}`];
      const chosen = cursor.marked.size || (cursor.row >= 0 ? 1 : n);
      if (chosen < n) return [`${count(chosen)} of ${images(n)} chosen.`];
      return [`${images(n)} selected. One key labels ${n === 1 ? "it" : "them all"}.`];
    }
    case "neighbours": {
      if (!view.id) return ["Choose an image and press ", h("kbd", {}, "."), " to see the images most like it."];
      if (grid.classesHidden) return ["Give this image a label first: similar images would reveal what it is."];
      const all = view.unlabelled === false;
      return [
        `The nearest ${all ? "" : "unlabelled "}images to the first one. `,
        link(all ? "Unlabelled only" : "All images", () => grid.open({ ...view, unlabelled: all })),
      ];
    }
    case "suspects":
      return n
        ? suspectParts(grid)
        : [
            model.snapshot?.cv
              ? "No label is in doubt: the classifier agrees with all of them."
              : "Doubtful labels show up here once the classifier can be cross-validated.",
          ];
    case "class": {
      const { classId, predicted } = view;
      if (typeof classId !== "number") {
        return [`Labelled ${SET_ASIDE[/** @type {keyof typeof SET_ASIDE} */ (classId)]}: ${images(n)}. `];
      }
      const name = model.name(classId);
      return [
        predicted ? `Predicted as ${name}, no label yet: ${images(n)}. ` : `Labelled ${name}: ${images(n)}. `,
        link(predicted ? "Labelled ones" : "Predicted ones", () => grid.open({ ...view, predicted: !predicted })),
      ];
    }
    case "search":
      if (!view.text) return ["Type a part of a file name."];
      if (!n) return [`No image has “${view.text}” in its name.`];
      return [`${n === 1000 ? "The first 1,000 images" : images(n)} with “${view.text}” in the name.`];
    case "audit": {
      const waiting = rows.filter((row) => !model.kind(row)).length;
      const audit = model.snapshot?.audit;
      const others = !waiting && audit?.waiting && link("Show the others", () => grid.open(view));
      return [auditSentence(waiting, audit), others || ""];
    }
    case "cell":
      return [view.title, n ? `: ${images(n)}.` : ": no image that you may see before your own label is stored."];
    case "between":
      return n ? [`${images(n)}: `, ...opinionParts(grid)] : [view.title, ": no image."];
    case "piles":
      return grid.piles.sentence();
    case "pile":
      return grid.piles.openedSentence();
    case "conflicts": {
      if (!n) return ["Nobody contradicts anybody: there is nothing to decide."];
      const left = rows.filter((row) => !grid.decided.has(row)).length;
      return [
        ...opinionParts(grid),
        left ? `A class key decides; ${count(left)} of ${images(n)} left.` : `All ${images(n)} decided.`,
      ];
    }
    default:
      return accept.sentence();
  }
}

/** Who says what of the image in focus. @param {Grid} grid */
function opinionParts(grid) {
  const { cursor, model } = grid;
  return grid
    .opinionsOf(cursor.row)
    .flatMap(({ annotator, kind, class_id: id, decided }) => [
      h(
        "span",
        { class: "ws-opinion" },
        `${annotator}${decided ? " (decided)" : ""} `,
        id !== null && h("i", { class: "ws-dot", style: { background: model.color(id) } }),
        h("em", {}, id !== null ? model.name(id) : kind === "reject" ? "unusable" : kind),
      ),
      " ",
    ]);
}

/** @param {Grid} grid */
function suspectParts(grid) {
  const { cursor, model } = grid;
  const end = [h("kbd", {}, "Enter"), " takes the prediction, ", h("kbd", {}, "0"), " keeps the label."];
  const { cv, suspects } = model.snapshot ?? {};
  // Where the classifier errs often, most of what it doubts is right.
  if (cv && suspects && suspects.length > 0.2 * cv.n) {
    const share = `${count(suspects.length)} of ${count(cv.n)} labels`;
    end.push(
      ` The classifier doubts ${share}, so most of these are probably its own errors; the likeliest wrong ones come first.`,
    );
  }
  const suspect = grid.suspectOf(cursor.row);
  if (!suspect) return ["Labels the classifier does not agree with. ", ...end];
  const [, label, predicted, probability] = suspect;
  const [own, other] = [label, predicted].map((id) => h("em", {}, model.name(id)));
  return ["Labelled ", own, ", looks like ", other, ` (${percent(probability)}). `, ...end];
}
